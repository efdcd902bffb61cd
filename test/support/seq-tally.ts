/** Which numbers somebody has seen, a bit for each: a hundred thousand take 13 kB. */
export class SeqTally {
  private bits = new Uint8Array(1_024);
  /** Different numbers. */
  unique = 0;
  /** Numbers that came once more. */
  repeated = 0;

  /** True when it is new. */
  add(seq: number): boolean {
    const at = seq >> 3;
    const bit = 1 << (seq & 7);
    if (at >= this.bits.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.bits);
      this.bits = larger;
    }
    const byte = this.bits[at] ?? 0;
    if (byte & bit) {
      this.repeated += 1;
      return false;
    }
    this.bits[at] = byte | bit;
    this.unique += 1;
    return true;
  }
}
