import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { heartbeatSchema } from '#contracts';
import { pageQuerySchema, pageSchema } from '../http/index.js';

const nodeSchema = z
  .object({
    name: heartbeatSchema.shape.name,
    url: z.string().describe('Where the api reaches it'),
    isHeard: z.boolean().describe('Whether it can be given sessions: heard within 20 seconds'),
    lastSeenAt: z.iso.datetime().describe('Its newest heartbeat'),
    sessionCount: z.int().describe('Sessions it held then'),
    capacity: z.int().describe('Sessions it can run'),
    sandbox: z.boolean().describe('Whether Chromium’s sandbox is on'),
  })
  .meta({ id: 'Node' });
export type NodeView = z.infer<typeof nodeSchema>;
export class NodePageDto extends createZodDto(pageSchema(nodeSchema).meta({ id: 'NodePage' })) {}

export class ListNodesQuery extends createZodDto(pageQuerySchema) {}
export class NodeParams extends createZodDto(
  z.strictObject({ name: z.string().min(1).max(100).describe('Name of a node') }),
) {}

export const NODE_EXAMPLE: NodeView = {
  name: 'session-node-1',
  url: 'http://session-node-1:3100',
  isHeard: true,
  lastSeenAt: '2026-01-01T09:41:15.000Z',
  sessionCount: 12,
  capacity: 50,
  sandbox: true,
};
