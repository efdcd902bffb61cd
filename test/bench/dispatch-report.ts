import { CONNECTIONS } from './accept-load.js';
import type { BenchRun } from './bench-run.js';
import { CPU_PARTS, cpuTotal } from './cpu-split.js';
import {
  CHATS,
  LATENCY_MESSAGES,
  MESSAGES_OF_EACH_OF_TEN,
  MESSAGES_OF_ONE,
  PAUSE_MS,
  ROUNDS,
  SERIAL,
  WARM_UP_MESSAGES,
  type DispatchResult,
  type Rate,
} from './dispatch-plan.js';
import { median, percentile } from './statistics.js';

const AIM = '≥ 95 %';
const AWAITING = 'awaiting each send';

export function reportDispatch(run: BenchRun, plain: DispatchResult, ours: DispatchResult): void {
  reportLatency(run, plain, ours);
  for (const [what, key] of [
    ['one session', 'oneSession'],
    ['ten sessions', 'tenSessions'],
  ] as const) {
    const wagate = ours[key][SERIAL];
    const full = ours.fullQueue?.[key];
    for (const [inFlight, { perSecond: baseline }] of Object.entries(plain[key])) {
      const isSerial = Number(inFlight) === SERIAL;
      const beside = isSerial ? AWAITING : `${inFlight} calls in flight`;
      const compare = (name: string, rate: Rate | undefined, aim?: string) => {
        if (rate === undefined) return;
        const figure = { what: `${name}, ${what}`, unit: '/s', wagate: rate.perSecond, baseline, beside };
        run.add({ ...figure, ...(aim === undefined ? {} : { aim }) });
      };
      compare('hand-overs', wagate, isSerial ? AIM : undefined);
      compare('hand-overs of a full queue', full, isSerial ? AIM : undefined);
    }
    reportCpu(run, what, full, plain[key][SERIAL]);
  }
  run.note(
    `Baseline: whatsapp-web.js in one process, same browser and flags, from the call of sendMessage. Single messages: ` +
      `${String(LATENCY_MESSAGES)}, ${String(PAUSE_MS)} ms apart. Rates: first to last hand-over of ${String(MESSAGES_OF_ONE)} messages, ` +
      `or of ${String(MESSAGES_OF_EACH_OF_TEN)} for each of ten sessions, to ${String(CHATS)} chats, after ${String(WARM_UP_MESSAGES)} ` +
      `to warm up, median of ${String(ROUNDS)} rounds; wagate's database is analyzed once after the warm-up, as autovacuum does in ` +
      `the first minutes; wagate's rates include accepting them over ${String(CONNECTIONS)} connections, but for those of a full queue, which was ` +
      `paused while it took them in. Processor time: of a full queue, until a second after the last hand-over.`,
  );
}

function reportLatency(
  run: BenchRun,
  plain: DispatchResult,
  { fromAcceptMs, fromCallMs }: DispatchResult,
): void {
  const p95 = (values: number[]) => percentile(values, 0.95);
  const compare = (what: string, wagate: number, baseline: number, aim?: string) => {
    run.add({ what, unit: 'ms', wagate, baseline, ...(aim === undefined ? {} : { aim }) });
  };
  compare('202 to hand-over, median', median(fromAcceptMs), median(plain.fromCallMs), 'baseline + 10 ms');
  compare('202 to hand-over, p95', p95(fromAcceptMs), p95(plain.fromCallMs));
  compare('request to hand-over, median', median(fromCallMs), median(plain.fromCallMs));
  compare('request to hand-over, p95', p95(fromCallMs), p95(plain.fromCallMs));
}

function reportCpu(run: BenchRun, what: string, wagate: Rate | undefined, plain: Rate | undefined): void {
  if (!wagate || !plain) return;
  const name = (part: string) => `processor time of ${part} a message, ${what}`;
  for (const part of CPU_PARTS) {
    const [ours, baseline] = [wagate.cpuMs[part], plain.cpuMs[part]];
    if (ours === undefined) continue;
    const figure = { what: name(part), unit: 'ms', wagate: ours };
    run.add(baseline === undefined ? figure : { ...figure, baseline, beside: AWAITING });
  }
  const [total, baseline] = [cpuTotal(wagate.cpuMs), cpuTotal(plain.cpuMs)];
  run.add({ what: name('all together'), unit: 'ms', wagate: total, baseline, beside: AWAITING });
}
