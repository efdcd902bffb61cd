/**
 * Every failpoint there is, and the moment it stands for. Each is placed exactly once in the code, and a scenario of
 * the kill matrix (docs/faults.md) reaches each.
 */
export const FAILPOINTS = {
  'api.accept.before-commit':
    'messages were written, and their transaction is not committed: nothing is promised',
  'api.accept.after-commit':
    'the transaction is committed, and no client was answered: only the database knows',
  'api.dispatch.before-claim': 'messages are due, and no attempt for them exists',
  'api.dispatch.before-call': 'an attempt is committed, and the node was not called',
  'api.result.before-write': 'a node answered what became of a message, and the answer is in memory only',
  'api.intake.before-commit': 'facts of a node were written, and their transaction is not committed',
  'api.intake.after-commit': 'facts of a node are committed, and the node does not know it',
  'api.relay.before-commit': 'events have got their numbers, and that is not committed',
  'node.send.before-hand-over': 'the node has begun a send, and the page was not asked',
  'node.send.after-hand-over': 'the page handed the message over, and only the node knows',
  'node.events.before-post': 'facts left the page, and the api was not told',
  'node.events.after-post': 'the api has taken the facts, and the cursor did not move',
} as const;

export type FailpointName = keyof typeof FAILPOINTS;

export function isFailpointName(name: string): name is FailpointName {
  return Object.hasOwn(FAILPOINTS, name);
}
