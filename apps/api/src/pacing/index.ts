export { defaultPacing } from './default-pacing.js';
export {
  EtaService,
  promiseOf,
  UNPACED,
  type PacedSession,
  type Promised,
  type QueuedPace,
} from './eta.service.js';
export { LimitNotices, type RefusedByLimit } from './limit-notices.js';
export { PacingModule } from './pacing.module.js';
export { HOLD_CHANNEL } from './session-pauses.js';
export { StopSignals, type StopSignal } from './stop-signals.js';
export { typingTime } from './typing-time.js';
