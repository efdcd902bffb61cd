import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '#kernel';
import type { LinkState } from '../drivers/driver.js';
import { LoginDoubt } from './login-doubt.js';

class HandClock extends Clock {
  ms = 1_000;
  override now(): Date {
    return new Date(this.ms);
  }
  override monotonicMs(): number {
    return this.ms;
  }
}

describe('the looks at a login', () => {
  let clock: HandClock;
  let doubt: LoginDoubt;
  const newDoubt = (): LoginDoubt => new LoginDoubt(clock, pino({ level: 'silent' }));
  const lookAfter = (ms: number, link: LinkState, isLinked = true): string => {
    clock.ms += ms;
    return doubt.look(link, isLinked);
  };

  beforeEach(() => {
    clock = new HandClock();
    doubt = newDoubt();
  });

  it('take it for gone after five seconds of nothing else', () => {
    expect(lookAfter(0, 'unlinked')).toBe('doubtful');
    expect(lookAfter(1_000, 'needs_login')).toBe('doubtful');
    expect(lookAfter(3_999, 'unlinked')).toBe('doubtful');
    expect(lookAfter(1, 'needs_login')).toBe('gone');
  });

  it('never take it for gone at once, however long the session has been running', () => {
    expect(lookAfter(0, 'online')).toBe('there');
    expect(lookAfter(86_400_000, 'unlinked')).toBe('doubtful');
  });

  it.each<LinkState>(['online', 'syncing', 'offline', 'loading', 'conflict', 'banned', 'outdated_client'])(
    'begin anew when the page says %s between them',
    (link) => {
      expect(lookAfter(0, 'unlinked')).toBe('doubtful');
      expect(lookAfter(4_000, link)).toBe('there');
      expect(lookAfter(1_000, 'unlinked')).toBe('doubtful');
      expect(lookAfter(4_999, 'unlinked')).toBe('doubtful');
      expect(lookAfter(1, 'unlinked')).toBe('gone');
    },
  );

  it('begin anew with every browser, and so after a restart of the node', () => {
    expect(lookAfter(0, 'needs_login')).toBe('doubtful');
    doubt = newDoubt();
    expect(lookAfter(60_000, 'needs_login')).toBe('doubtful');
    expect(lookAfter(5_000, 'needs_login')).toBe('gone');
  });

  it('find nothing gone where nothing was linked', () => {
    expect(lookAfter(0, 'needs_login', false)).toBe('there');
    expect(lookAfter(60_000, 'needs_login', false)).toBe('there');
    // A page that was online before has lost a login, also one that was never proven.
    expect(lookAfter(0, 'unlinked', false)).toBe('doubtful');
    expect(lookAfter(5_000, 'unlinked', false)).toBe('gone');
  });
});
