import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessageContent } from '#contracts';
import {
  applyEdit,
  applyReport,
  applyRevoke,
  REVOKED_CONTENT,
  type ContentVersion,
} from './content-state.js';

const SENT = new Date('2026-01-01T10:00:00.000Z');
const after = (minutes: number) => new Date(SENT.getTime() + minutes * 60_000);
const text = (value: string): MessageContent => ({ type: 'text', text: value });

type Step = { edit: number } | { revoke: number };

/** The state and the versions after all steps, as the database keeps versions: one for each time. */
function run(steps: readonly Step[]) {
  const versions = new Map<number, ContentVersion>();
  let state = {
    content: text('as sent'),
    editedAt: null as Date | null,
    revokedAt: null as Date | null,
    occurredAt: SENT,
  };
  for (const step of steps) {
    if ('revoke' in step) {
      state = { ...state, ...applyRevoke(state, after(step.revoke)) };
      versions.clear();
      continue;
    }
    const edit = applyEdit(state, text(`edit ${String(step.edit)}`), after(step.edit));
    state = { ...state, ...edit.state };
    for (const version of edit.versions) {
      if (!versions.has(version.at.getTime())) versions.set(version.at.getTime(), version);
    }
  }
  return { state, versions: [...versions.values()].sort((a, b) => a.at.getTime() - b.at.getTime()) };
}

const edits = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 });

describe('the content of a message', () => {
  it('is the same after the same edits in any order, doubled or not, and all earlier texts are kept', () => {
    fc.assert(
      fc.property(edits, fc.func(fc.integer()), (minutes, salt) => {
        const shuffled = [...minutes].sort((a, b) => salt(a) - salt(b));
        const steps = [...shuffled, ...minutes].map((edit) => ({ edit }));
        const result = run(steps);
        const distinct = [...new Set(minutes)].sort((a, b) => a - b);
        expect(result.state.content).toEqual(text(`edit ${String(distinct.at(-1))}`));
        expect(result.versions.map(({ content }) => content)).toEqual([
          text('as sent'),
          ...distinct.map((minute) => text(`edit ${String(minute)}`)),
        ]);
      }),
    );
  });

  it('is gone for good once it was revoked, whatever comes before or after', () => {
    fc.assert(
      fc.property(edits, edits, (before, later) => {
        const step = (edit: number) => ({ edit });
        const { state, versions } = run([
          ...before.map(step),
          { revoke: 9 },
          ...later.map(step),
          { revoke: 10 },
        ]);
        expect(state).toMatchObject({ content: REVOKED_CONTENT, revokedAt: after(9) });
        expect(versions).toEqual([]);
        expect(applyReport(state, text('again'))).toBe(state);
      }),
    );
  });

  it('keeps its file when it is edited: only the caption is another', () => {
    const media = { mimeType: 'image/png', filename: null, size: 3, sha256: null };
    const picture: MessageContent = { type: 'image', caption: 'Old', media };
    const state = { content: picture, editedAt: null, revokedAt: null, occurredAt: SENT };
    const edited: MessageContent = { type: 'image', caption: 'New', media: { ...media, size: 9 } };
    expect(applyEdit(state, edited, after(1)).state.content).toEqual({ ...picture, caption: 'New' });
    expect(applyEdit(state, text('no picture'), after(1)).state).toBe(state);
  });

  it('that could not be read takes over what can, and nothing takes that away', () => {
    const state = { content: { type: 'undecryptable' } as const, editedAt: null, revokedAt: null };
    const read = applyReport(state, text('Hello'));
    expect(read.content).toEqual(text('Hello'));
    expect(applyReport(read, { type: 'undecryptable' })).toBe(read);
    expect(applyReport(read, REVOKED_CONTENT)).toBe(read);
    expect(applyReport(read, text('Another'))).toBe(read);
  });
});
