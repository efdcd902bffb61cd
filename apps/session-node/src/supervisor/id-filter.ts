import { createHash } from 'node:crypto';

/** 512 KiB: of 400,000 ids it says with a certainty of 99 % of any other that it is none of them, of 800,000 with 86 %. */
const BITS = 2 ** 22;
const WORDS_OF_HASH = 7;

/** A large set of ids in little memory (a Bloom filter). It may hold an id for one of its own that is not, never the reverse. */
export class IdFilter {
  private readonly bytes = new Uint8Array(BITS / 8);

  add(id: string): void {
    for (const bit of bitsOf(id)) this.bytes[bit >> 3] = this.byteOf(bit) | (1 << (bit & 7));
  }

  mayHave(id: string): boolean {
    return bitsOf(id).every((bit) => (this.byteOf(bit) & (1 << (bit & 7))) !== 0);
  }

  private byteOf(bit: number): number {
    return this.bytes[bit >> 3] ?? 0;
  }
}

function bitsOf(id: string): number[] {
  const hash = createHash('sha256').update(id).digest();
  return Array.from({ length: WORDS_OF_HASH }, (_, place) => hash.readUInt32LE(place * 4) % BITS);
}
