/** Messages that wait for room in one mailbox, oldest first. */
import type { Mailbox } from './mailbox.js';
import type { Pid } from './pid.js';

interface Offer {
  readonly from: Pid;
  readonly message: unknown;
  readonly bytes: number;
}

/** So many may wait for one process, and no more bytes than its mailbox may hold. */
const MAX_OFFERS = 1024;

export class PendingOffers {
  #offers: Offer[] = [];
  #bytes = 0;

  get length(): number {
    return this.#offers.length;
  }

  /** @returns false where too many wait already. */
  add(offer: Offer, maxBytes: number): boolean {
    const isFirst = this.#offers.length === 0;
    if (!isFirst && (this.#offers.length >= MAX_OFFERS || this.#bytes + offer.bytes > maxBytes)) return false;
    this.#offers.push(offer);
    this.#bytes += offer.bytes;
    return true;
  }

  /** Whoever offered it has given up. */
  withdraw(from: Pid): void {
    this.#keep(this.#offers.filter((offer) => offer.from !== from));
  }

  /** Moves what there is room for into the mailbox, and tells of each. */
  admit(mailbox: Mailbox, accepted: (from: Pid, message: unknown) => void): void {
    let admitted = 0;
    for (const { from, message, bytes } of this.#offers) {
      if (!mailbox.hasRoom(bytes)) break;
      mailbox.push(message, bytes);
      accepted(from, message);
      admitted++;
    }
    this.#keep(this.#offers.slice(admitted));
  }

  #keep(offers: Offer[]): void {
    this.#offers = offers;
    this.#bytes = offers.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
