import { isIP } from 'node:net';
import { countField, isLoopback, portField } from '#runtime';
import { z } from 'zod';

const milliseconds = (defaultValue: number) => countField(100, 3_600_000, defaultValue);

/** The environment of the simulator process. */
export const simulatorConfigSchema = z
  .object({
    SIMULATOR_HOST: z
      .string()
      .refine((value) => value === 'localhost' || isIP(value) !== 0, 'must be an IP address or localhost')
      .meta({ allowed: 'an IP address, or localhost' })
      .default('127.0.0.1')
      .describe('Address of the control API and of the page server'),
    SIMULATOR_PORT: portField(4180).describe('Port of the control API; 0 takes a free one'),
    SIMULATOR_PAGE_PORT: portField(4443).describe(
      'Port of the TLS server that plays web.whatsapp.com; 0 takes a free one',
    ),
    SIMULATOR_PROFILE: z
      .enum(['classic', '2026-09'])
      .default('2026-09')
      .describe('Which build of the WhatsApp Web page is served'),
    SIMULATOR_STATE_FILE: z
      .string()
      .min(1)
      .optional()
      .describe('Keeps accounts, links and messages over restarts; without it everything is in memory'),
    SIMULATOR_QR_FIRST_MS: milliseconds(60_000).describe('How long the first QR of a page is valid, in ms'),
    SIMULATOR_QR_NEXT_MS: milliseconds(20_000).describe('How long each further QR is valid, in ms'),
    SIMULATOR_PAGE_HEAP_MB: countField(0, 1_024, 0).describe('Ballast in the heap of each page, in MB'),
    SIMULATOR_ALLOW_REMOTE: z
      .enum(['0', '1'])
      .default('0')
      .describe('1 lets the simulator listen beyond this machine'),
  })
  .refine((config) => config.SIMULATOR_ALLOW_REMOTE === '1' || isLoopback(config.SIMULATOR_HOST), {
    path: ['SIMULATOR_HOST'],
    error:
      'must be a loopback address: the control API has no authentication (SIMULATOR_ALLOW_REMOTE=1 lifts this)',
  });

export type SimulatorConfig = z.output<typeof simulatorConfigSchema>;
