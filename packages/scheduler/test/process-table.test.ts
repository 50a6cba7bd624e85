import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPid, type NodeName, type Pid } from '../src/pid.js';
import type { Process } from '../src/process.js';
import { ProcessTable } from '../src/process-table.js';

const life = { node: 'a@here' as NodeName, creation: 7, thread: 1 };

/** As much of a process as the table looks at. */
function processOf(serial: number): Process {
  return { serial, pid: formatPid({ ...life, serial }) } as Process;
}

/** Dense serials, serials a power of two apart, and any: what a thread may be left with after a while. */
const serials = fc.oneof(
  fc.nat({ max: 200 }),
  fc.nat({ max: 200 }).map((n) => n * 4_096),
  fc.nat({ max: 2 ** 48 - 1 }),
);

describe('the table of the processes of a thread', () => {
  it('finds exactly the processes that are in it, whatever came and went before', () => {
    const steps = fc.array(fc.record({ serial: serials, leaves: fc.boolean() }), { maxLength: 300, size: 'max' });
    fc.assert(
      fc.property(steps, (given) => {
        const table = new ProcessTable();
        const model = new Map<number, Process>();
        for (const { serial, leaves } of given) {
          const present = model.get(serial);
          if (present === undefined) {
            const process = processOf(serial);
            table.add(process);
            model.set(serial, process);
          } else if (leaves) {
            table.delete(present);
            model.delete(serial);
          }
          expect(table.at(serial)).toBe(model.get(serial));
          // Found here, it is kept as one that was found last.
          expect(table.find(processOf(serial).pid)).toBe(model.get(serial));
        }
        for (const { serial } of given) {
          expect(table.at(serial)).toBe(model.get(serial));
          expect(table.find(processOf(serial).pid)).toBe(model.get(serial));
        }
        expect(table.size).toBe(model.size);
        expect(new Set(table)).toEqual(new Set(model.values()));
      }),
    );
  });

  it('finds nobody by a pid of another node, life or thread, nor by a text that is no pid', () => {
    const table = new ProcessTable();
    table.add(processOf(5));
    const others = [{ node: 'b@here' as NodeName }, { creation: 8 }, { thread: 2 }, { thread: 11 }];
    for (const other of others) expect(table.find(formatPid({ ...life, ...other, serial: 5 }))).toBeUndefined();
    for (const text of ['', '5', 'five', 'a@here#7.1.', 'a@here#7.1.05', `a@here#7.1.${'9'.repeat(400)}5`]) {
      expect(table.find(text as Pid)).toBeUndefined();
    }
    expect(table.find(processOf(5).pid)).toBe(table.at(5));
  });

  it('finds those that stay when it has grown and most have gone', () => {
    const table = new ProcessTable();
    const processes = Array.from({ length: 200_000 }, (_, serial) => processOf(serial));
    for (const process of processes) table.add(process);
    for (const process of processes) if (process.serial % 1_000 !== 0) table.delete(process);
    expect(table.size).toBe(200);
    expect(new Set(table)).toEqual(new Set(processes.filter(({ serial }) => serial % 1_000 === 0)));
    const found = processes.filter(({ serial }) => table.at(serial) !== undefined);
    expect(found.every(({ serial }) => serial % 1_000 === 0)).toBe(true);
    expect(found).toHaveLength(200);
    table.delete(processOf(0));
    expect(table.size).toBe(200);
  });
});
