/**
 * The corpus: for each decoder a file of inputs that are tried in every run, one a line, and that others are made of.
 *
 *   ok 5901… what it is      it must be taken
 *   no 9a05… what it is      it must be refused
 *
 * Those that are taken are what version 1 of the protocol sends: a change that refuses one breaks a cluster in
 * which versions are mixed.
 */
import { readFileSync } from 'node:fs';

export interface CorpusEntry {
  readonly taken: boolean;
  readonly bytes: Buffer;
  readonly what: string;
}

export function readCorpus(decoder: string): CorpusEntry[] {
  const text = readFileSync(new URL(`corpus/${decoder}.txt`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, word, hex, what = ''] = /^(ok|no) ([0-9a-f]*)(?: (.*))?$/.exec(line) ?? [];
      if (word === undefined || hex === undefined) throw new Error(`corpus/${decoder}.txt: ${line}`);
      return { taken: word === 'ok', bytes: Buffer.from(hex, 'hex'), what };
    });
}
