/**
 * Texts that rows name by number, so that rows have a fixed size and a text that many share travels once.
 */

/** Stands for "no text". */
const NONE = 0;

export class StringTable {
  readonly #numbers = new Map<string, number>();
  /** The texts, by number less one. */
  readonly texts: string[] = [];

  numberOf(text: string | undefined): number {
    if (text === undefined) return NONE;
    let number = this.#numbers.get(text);
    if (number !== undefined) return number;
    number = this.texts.push(text);
    this.#numbers.set(text, number);
    return number;
  }
}

export function textOf(texts: readonly string[], number: number): string | undefined {
  return number === NONE ? undefined : texts[number - 1];
}
