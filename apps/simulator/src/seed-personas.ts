import type { Network } from './network/network.js';
import type { Persona } from './network/records.js';

/** Who is there for somebody who tries the simulator out; `12025550199` is nobody's number. */
const PEOPLE: { phone: string; name: string; persona: Persona }[] = [
  { phone: '12025550111', name: 'Echo', persona: 'echo' },
  { phone: '12025550112', name: 'Reads late', persona: 'late-reader' },
  { phone: '12025550113', name: 'Sends a picture', persona: 'sends-picture' },
  { phone: '12025550114', name: 'Always fails', persona: 'fails' },
  { phone: '12025550115', name: 'A friend', persona: 'none' },
  { phone: '12025550116', name: 'Changes its mind', persona: 'changes-its-mind' },
  { phone: '12025550117', name: 'Has two ids', persona: 'two-ids' },
  { phone: '12025550118', name: 'Cannot be read at first', persona: 'unreadable' },
];

/** Adds the personas that are not there yet. */
export function seedPersonas(network: Network): void {
  for (const person of PEOPLE) {
    if (network.accounts.find(person.phone) === undefined) network.accounts.put(person);
  }
}
