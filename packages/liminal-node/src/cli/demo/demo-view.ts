/**
 * How the demo looks: in a terminal a table that is redrawn in place under the lines of what happened; in a
 * log the same lines, and the table every few seconds; with `--json` one object a line.
 */
import type { Output } from '../output.js';
import { plainTable } from '../plain-table.js';
import type { PairAccount } from './ledger.js';
import { total } from './ledger.js';

/** What the table shows of one node. */
export interface NodeRow {
  readonly name: string;
  /** The id of its OS process, or undefined while it is dead. */
  readonly pid: number | undefined;
  readonly sees: readonly string[];
  /** By the name of the publishing node. */
  readonly from: Readonly<Record<string, { readonly received: number; readonly perSecond: number }>>;
}

export interface DemoView {
  /** Something happened. `fields` are for `--json`. */
  tell(text: string, event: string, fields?: object): Promise<void>;
  /** The table as of now. Whether it is shown now is for the view to say. */
  table(rows: readonly NodeRow[]): Promise<void>;
  summary(accounts: readonly PairAccount[], verdict: string): Promise<void>;
}

/** How often the table appears in a log. */
const LOG_TABLE_MS = 3_000;

export function createView(output: Output, json: boolean): DemoView {
  if (json) return forPrograms(output);
  return output.isTerminal ? forTerminal(output) : forLog(output);
}

function forTerminal(output: Output): DemoView {
  const clock = createClock();
  let drawn = 0;
  let lastRows: readonly NodeRow[] = [];
  // Up to the first line of the table, and clear from there: the rows of the screen that it took.
  const erase = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`);
  const draw = (rows: readonly NodeRow[]): string => {
    lastRows = rows;
    const lines = rows.length === 0 ? [] : ['', ...liveTable(rows).split('\n')];
    const shown = lines.map((line) => line.slice(0, output.columns - 1));
    drawn = shown.length;
    return shown.map((line) => `${line}\n`).join('');
  };
  return {
    tell: (text) => output.write(`${erase()}${clock()}  ${text}\n${draw(lastRows)}`),
    table: (rows) => output.write(`${erase()}${draw(rows)}`),
    summary(accounts, verdict) {
      // The table stays on the screen above the accounts.
      drawn = 0;
      lastRows = [];
      return output.write(`\n${summaryTable(accounts)}\n\n${verdict}\n\n`);
    },
  };
}

function forLog(output: Output): DemoView {
  const clock = createClock();
  let lastShown = Number.NEGATIVE_INFINITY;
  let afterTable = false;
  return {
    tell(text) {
      const gap = afterTable ? '\n' : '';
      afterTable = false;
      return output.line(`${gap}${clock()}  ${text}`);
    },
    async table(rows) {
      if (performance.now() - lastShown < LOG_TABLE_MS) return;
      lastShown = performance.now();
      afterTable = true;
      await output.line(`\n${liveTable(rows)}`);
    },
    summary: (accounts, verdict) => output.line(`\n${summaryTable(accounts)}\n\n${verdict}\n`),
  };
}

function forPrograms(output: Output): DemoView {
  const event = (name: string, fields: object): Promise<void> =>
    output.line(JSON.stringify({ event: name, ...fields }));
  return {
    tell: (_text, name, fields = {}) => event(name, fields),
    table: async () => {},
    summary: (pairs) => event('summary', { ...total(pairs), pairs }),
  };
}

function createClock(): () => string {
  const startedAt = performance.now();
  return () => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
}

function liveTable(rows: readonly NodeRow[]): string {
  const names = rows.map((row) => row.name);
  const head = ['NODE', 'OS PROCESS', 'SEES', ...names.map((name) => `FROM ${short(name)}`)];
  const table = plainTable(head, ['left', 'left', 'left', ...names.map(() => 'right' as const)]);
  for (const { name, pid, sees, from } of rows) {
    const cells = names.map((publisher) => {
      const { received = 0, perSecond = 0 } = from[publisher] ?? {};
      return `${grouped(received)} ${`(${grouped(perSecond)}/s)`.padStart(8)}`;
    });
    const seen = pid === undefined ? '-' : sees.map(short).sort().join(' ');
    table.push([name, pid === undefined ? 'killed' : String(pid), seen, ...cells]);
  }
  return table.toString();
}

function summaryTable(accounts: readonly PairAccount[]): string {
  const right = 'right' as const;
  const head = ['FROM', 'TO', 'PUBLISHED', 'SENT', 'RECEIVED', 'CUT', 'LOST', 'DUPLICATED'];
  const table = plainTable(head, ['left', 'left', right, right, right, right, right, right]);
  const numbers = ({ published, sent, received, cut, lost, duplicated }: Omit<PairAccount, 'from' | 'to'>): string[] =>
    [published, sent, received, cut, lost, duplicated].map(grouped);
  for (const { from, to, ...account } of accounts) table.push([short(from), short(to), ...numbers(account)]);
  table.push(['all', '', ...numbers(total(accounts))]);
  return [
    table.toString(),
    '',
    'sent: published while the subscriber was a member; a node that is away is sent nothing.',
    'cut:  sent by or to the killed node just before its end; nobody is left to say whether it arrived.',
    'lost: sent between nodes that lived on, and never received.',
  ].join('\n');
}

/** The name without the host, which is the same for all. */
export function short(name: string): string {
  return name.slice(0, name.indexOf('@'));
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
