import { expect, test } from 'vitest';
import { encodeMessage, encodeMessageToName, encodeMonitorName, encodeSignal } from '../src/encoding/signal-codec.js';
import { flowOfPid, flowOfSignal } from '../src/flow.js';
import { formatPid, parseNodeName, type Ref } from '../src/pid.js';

const node = parseNodeName('a.b-c@10.0.0.1:4370'.replace('a.b-c', 'a_b-c'));
const pid = (thread: number, serial: number) => formatPid({ node, creation: 77, thread, serial });

test('all that a process sends is one flow, to a pid, to a name and as a signal', () => {
  const from = { thread: 3, serial: 123_456_789 };
  const to = { thread: 1, serial: 5 };
  const flow = flowOfPid(pid(from.thread, from.serial));
  expect(flowOfSignal(encodeMessage(to, from, new Uint8Array(3)))).toBe(flow);
  expect(flowOfSignal(encodeMessageToName('a name', from, new Uint8Array(3)))).toBe(flow);
  expect(flowOfSignal(encodeMonitorName('a name', from, 'a ref' as Ref))).toBe(flow);
  const exit = { type: 'exit', from: pid(3, 123_456_789), to: pid(1, 5), reason: 'normal', linked: true } as const;
  expect(flowOfSignal(encodeSignal(exit))).toBe(flow);
});

test('two processes are two flows', () => {
  const flows = [pid(0, 1), pid(0, 2), pid(1, 1), pid(1, 2), pid(2, 10_000_000_000)].map(flowOfPid);
  expect(new Set(flows).size).toBe(flows.length);
  expect(flows.every(Number.isSafeInteger)).toBe(true);
});
