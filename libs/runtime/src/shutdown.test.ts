import { describe, expect, it } from 'vitest';
import { createLogger, Shutdown } from './index.js';

function silent() {
  return createLogger('test', 'silent');
}

describe('Shutdown', () => {
  it('stops the last started part first, and runs once', async () => {
    const shutdown = new Shutdown({ logger: silent() });
    const order: string[] = [];
    shutdown.onShutdown('database', () => void order.push('database'));
    shutdown.onShutdown('server', () => void order.push('server'));
    expect(await Promise.all([shutdown.run(), shutdown.run()])).toEqual([true, true]);
    expect(order).toEqual(['server', 'database']);
  });

  it('passes over a part that fails or hangs, and says so', async () => {
    const lines: string[] = [];
    const logger = createLogger('test', 'error', { format: 'json', write: (line) => lines.push(line) });
    const shutdown = new Shutdown({ logger });
    const order: string[] = [];
    shutdown.onShutdown('database', () => void order.push('database'));
    shutdown.onShutdown('hanging', () => new Promise(() => undefined), 20);
    shutdown.onShutdown('failing', () => Promise.reject(new Error('no')));
    expect(await shutdown.run()).toBe(false);
    expect(order).toEqual(['database']);
    expect(lines.map((line) => (JSON.parse(line) as { what: string }).what)).toEqual(['failing', 'hanging']);
  });

  it('ends the process after the first signal, at once after the second', async () => {
    const codes: number[] = [];
    let finish: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      const shutdown = new Shutdown({
        logger: silent(),
        exit: (code) => (codes.push(code) === 2 ? resolve() : undefined),
      });
      shutdown.onShutdown('slow', () => new Promise((done) => (finish = done)));
      shutdown.listen();
    });
    const before = process.listenerCount('SIGTERM');
    process.emit('SIGTERM');
    process.emit('SIGTERM');
    expect(codes).toEqual([1]);
    await Promise.resolve();
    finish();
    await ended;
    expect(codes).toEqual([1, 0]);
    expect(before).toBeGreaterThan(0);
    process.removeAllListeners('SIGTERM');
    process.removeAllListeners('SIGINT');
  });
});
