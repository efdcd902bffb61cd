import type { WireMessage } from '../wire.js';
import type { Persona } from './records.js';
import { SAMPLE_PICTURE } from './sample-picture.js';

/** What somebody does when a message reaches them. Times in ms after it arrived. */
export interface PersonaAction {
  acks: { ack: number; afterMs: number; code?: number }[];
  reply?: { type: string; body?: string; media?: { bytes: Buffer; mimetype: string }; echo?: boolean };
}

export function actionOf(persona: Persona, message: WireMessage): PersonaAction {
  switch (persona) {
    case 'echo':
      return { acks: readAtOnce, reply: { type: message.type, echo: true } };
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
        reply: {
          type: 'image',
          body: 'Here is a picture.',
          media: { bytes: SAMPLE_PICTURE, mimetype: 'image/png' },
        },
      };
    case 'fails':
      return { acks: [{ ack: -1, afterMs: 0, code: 479 }] };
    case 'none':
      return { acks: [] };
  }
}

const readAtOnce = [
  { ack: 2, afterMs: 0 },
  { ack: 3, afterMs: 0 },
];
