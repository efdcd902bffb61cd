import { isFailpointName, type FailpointName } from './failpoint-names.js';

/** What happens at a failpoint. */
export interface FailpointSetting {
  name: FailpointName;
  /** `kill`: SIGKILL to this very process; `pause`: the work stands still; `error`: it fails. */
  action: 'kill' | 'pause' | 'error';
  /** Length of a pause; null: until the setting is taken back. */
  pauseMs: number | null;
  /** Only at this hit, from 1; null: at every one. */
  atHit: number | null;
  /** Held for a random time up to this before the action, while everything else goes on. */
  jitterMs: number;
}

export interface FailpointPlan {
  settings: FailpointSetting[];
  seed: number;
}

const ENTRY = /^([a-z.-]+)=(kill|pause|error)(?:\((\d{1,6})\))?(?:@(\d{1,6}))?(?:\+(\d{1,5})ms)?$/;
const SEED = /^seed=(\d{1,9})$/;

/**
 * Reads a comma-separated plan, `api.accept.before-commit=kill@2+50ms,node.send.after-hand-over=pause(500),seed=7`:
 * a name, `=`, an action (`kill`, `pause`, `pause(ms)`, `error`), `@` which hit, `+` the longest random hold.
 * @throws Error that names the entry and the rule
 */
export function parseFailpointPlan(text: string): FailpointPlan {
  const plan: FailpointPlan = { settings: [], seed: 1 };
  for (const entry of text.split(/[,\n]/).map((part) => part.trim())) {
    const seed = SEED.exec(entry)?.[1];
    if (entry === '') continue;
    else if (seed !== undefined) plan.seed = Number(seed);
    else plan.settings.push(parseEntry(entry));
  }
  return plan;
}

function parseEntry(entry: string): FailpointSetting {
  const [, name, action, pauseMs, atHit, jitterMs] = ENTRY.exec(entry) ?? [];
  if (name === undefined || action === undefined) {
    throw new Error(`"${entry}" is not of the form name=kill|pause|pause(ms)|error[@hit][+ms]`);
  }
  if (!isFailpointName(name)) throw new Error(`there is no failpoint "${name}"`);
  if (pauseMs !== undefined && action !== 'pause') throw new Error(`"${entry}": only a pause has a length`);
  if (atHit === '0') throw new Error(`"${entry}": hits count from 1`);
  return {
    name,
    action: action as FailpointSetting['action'],
    pauseMs: pauseMs === undefined ? null : Number(pauseMs),
    atHit: atHit === undefined ? null : Number(atHit),
    jitterMs: Number(jitterMs ?? 0),
  };
}
