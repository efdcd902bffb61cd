import { randomUUID } from 'node:crypto';
import type { Fault, FaultKind } from '../wire.js';

/** Faults with a `times` count go when it is used up; the others stay until they are removed. */
export class Faults {
  private faults: Fault[] = [];

  constructor(private readonly changed: () => void) {}

  list(): Fault[] {
    return this.faults;
  }

  replace(faults: Omit<Fault, 'id'>[]): Fault[] {
    this.faults = faults.map((fault) => ({ ...fault, id: randomUUID() }));
    this.changed();
    return this.faults;
  }

  add(fault: Omit<Fault, 'id'>): Fault {
    const added = { ...fault, id: randomUUID() };
    this.faults = [...this.faults, added];
    this.changed();
    return added;
  }

  for(phone: string | undefined): Fault[] {
    return this.faults.filter((fault) => fault.phone === undefined || fault.phone === phone);
  }

  /** Counts one use of a fault a page carried out itself. */
  used(id: string): void {
    const fault = this.faults.find((candidate) => candidate.id === id);
    if (fault?.times === undefined) return;
    fault.times -= 1;
    if (fault.times <= 0) this.faults = this.faults.filter((candidate) => candidate !== fault);
  }

  /** The first fault of this kind for the phone, counted as used. */
  take(kind: FaultKind, phone: string | undefined): Fault | undefined {
    const fault = this.for(phone).find((candidate) => candidate.kind === kind);
    if (fault !== undefined) this.used(fault.id);
    return fault;
  }
}
