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

  it('promises nothing of any id that began, and still of others, after more sends than it knows the ids of', () => {
    const ledger = new SendLedger();
    const began = Array.from({ length: 30_000 }, (_, count) => `id ${count}`);
    for (const id of began) ledger.begin(id);
    expect(began.filter((id) => ledger.bar(id))).toEqual([]);
    const others = Array.from({ length: 100 }, (_, count) => `other ${count}`);
    expect(others.filter((id) => ledger.bar(id)).length).toBeGreaterThan(95);
    expect(ledger.begin('other 0')).toBe('barred');
  });
});
