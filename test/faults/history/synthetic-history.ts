import type { History } from './history.js';
import { HistoryMaker, START } from './history-maker.js';

/** SHA-256 of every file in it. */
const FILE = 'a'.repeat(64);

/** A run as it should be, small and made by hand: two tenants, two sessions, every kind of end. */
export function syntheticHistory(): History {
  const maker = new HistoryMaker();
  maker.send('1', { to: '4915100000001' }, 'delivered');
  maker.send('2', { to: '4915100000001' }, 'delivered');
  maker.send('3', { to: '4915100000001' }, 'read');
  maker.send('4', { to: '4915100000002', idempotencyKey: 'k4' }, 'sent');
  maker.repeat('4');
  maker.send('5', { to: '4915100000002', priority: 5 }, 'delivered');
  maker.send('6', { to: '4915100000003', expiresAtMs: START + 500_000 }, 'delivered');
  maker.send('7', { to: '4915100000003', expiresAtMs: START + 7_500 }, 'expired');
  maker.send('8', { to: '4915100000003' }, 'cancelled');
  maker.send('9', { to: '4915100000003' }, 'unknown_final');
  maker.send('10', { to: '4915100000003' }, 'failed');
  maker.send('11', { to: '4915100000004', sha256: FILE }, 'delivered');
  maker.send('12', { to: '4915100000001', tenant: 'b' }, 'delivered');
  maker.refuse('13', { to: '4915100000005' });
  maker.receive('1', {});
  maker.receive('2', {});
  maker.receive('3', { sha256: FILE });
  maker.receive('4', { tenant: 'b' });
  maker.probe();
  maker.revokeKey();
  return maker.finish();
}
