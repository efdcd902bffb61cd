import type { WireMessage } from '../wire.js';
import type { Persona } from './records.js';
import { SAMPLE_PICTURE } from './sample-picture.js';

/** What somebody does when a message reaches them. Times in ms after it arrived. */
export interface PersonaAction {
  acks: { ack: number; afterMs: number; code?: number }[];
  replies?: PersonaReply[];
  /** The emoji it reacts with. */
  reaction?: string;
}

export interface PersonaReply {
  type: string;
  body?: string;
  media?: { bytes: Buffer; mimetype: string };
  echo?: boolean;
  /** Under which of the persona's ids it comes. */
  address?: 'lid' | 'phone';
  /** Comes as one that cannot be decrypted, and can after this many ms. */
  decryptedAfterMs?: number;
  /** What becomes of it later. */
  edit?: { body: string; afterMs: number };
  revokeAfterMs?: number;
}

export function actionOf(persona: Persona, message: WireMessage): PersonaAction {
  switch (persona) {
    case 'echo':
      return { acks: readAtOnce, replies: [{ type: message.type, echo: true }] };
    case 'late-reader':
      return {
        acks: [
          { ack: 2, afterMs: 0 },
          { ack: 3, afterMs: 5_000 },
        ],
      };
    case 'sends-picture':
      return {
        acks: readAtOnce,
        replies: [
          {
            type: 'image',
            body: 'Here is a picture.',
            media: { bytes: SAMPLE_PICTURE, mimetype: 'image/png' },
          },
        ],
      };
    case 'fails':
      return { acks: [{ ack: -1, afterMs: 0, code: 479 }] };
    case 'changes-its-mind':
      return {
        acks: readAtOnce,
        reaction: '👍',
        replies: [
          { type: 'chat', body: 'I will come.', edit: { body: 'I will not come.', afterMs: 1_000 } },
          { type: 'chat', body: 'Forget this.', revokeAfterMs: 2_000 },
        ],
      };
    case 'two-ids':
      return {
        acks: readAtOnce,
        replies: [
          { type: 'chat', body: 'This comes under my LID.', address: 'lid' },
          { type: 'chat', body: 'This comes under my number.', address: 'phone' },
        ],
      };
    case 'unreadable':
      return {
        acks: readAtOnce,
        replies: [{ type: 'chat', body: 'You could not read this at first.', decryptedAfterMs: 20_000 }],
      };
    case 'none':
      return { acks: [] };
  }
}

const readAtOnce = [
  { ack: 2, afterMs: 0 },
  { ack: 3, afterMs: 0 },
];
