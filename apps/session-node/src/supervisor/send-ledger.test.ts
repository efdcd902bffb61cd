import { describe, expect, it } from 'vitest';
import { SendLedger } from './send-ledger.js';

describe('SendLedger', () => {
  it('lets an id begin once, and again only when it certainly did not leave', () => {
    const ledger = new SendLedger();
    expect(ledger.begin('A')).toBe('new');
    expect(ledger.begin('A')).toBe('repeated');
    ledger.notSent('A');
    expect(ledger.begin('A')).toBe('new');
  });

  it('promises of an id that never began that it never will', () => {
    const ledger = new SendLedger();
    ledger.begin('A');
    expect(ledger.bar('A')).toBe(false);
    expect(ledger.bar('B')).toBe(true);
    expect(ledger.begin('B')).toBe('barred');
    expect(ledger.bar('B')).toBe(true);
  });

  it('proves nothing any more once it had to forget', () => {
    const ledger = new SendLedger();
    for (let count = 0; count <= 10_000; count += 1) ledger.begin(`id ${count}`);
    expect(ledger.bar('id 0')).toBe(false);
    expect(ledger.bar('another')).toBe(false);
  });
});
