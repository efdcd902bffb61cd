import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentTenant, Scopes } from '../auth/index.js';
import { Operation, type Page } from '../http/index.js';
import { ListNodesQuery, NODE_EXAMPLE, NodePageDto, NodeParams, type NodeView } from './nodes.dto.js';
import { NodesService } from './nodes.service.js';

@ApiTags('Operations')
@Controller('nodes')
export class NodesController {
  constructor(private readonly nodes: NodesService) {}

  @Get()
  @Scopes('admin')
  @Operation({
    summary: 'List the session-nodes',
    description: 'By name. Nodes register themselves.',
    idempotent: 'safe',
    answer: { status: 200, type: NodePageDto, example: { data: [NODE_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor'],
  })
  list(@Query() query: ListNodesQuery): Promise<Page<NodeView>> {
    return this.nodes.list(query);
  }

  @Delete(':name')
  @Scopes('admin')
  @Operation({
    summary: 'Forget a session-node that is gone for good',
    description:
      'Only when it was silent for a minute. The logins of its sessions are gone with it: linked ones become `logged_out` and have to be linked again, their waiting messages end as failed; the others become `stopped`. All of them can then be started on another node. A node that comes back registers anew, without sessions; delete its profiles then.',
    idempotent: 'idempotent',
    answer: { status: 204, description: 'The node is forgotten' },
    problems: ['not_found', 'invalid_state'],
  })
  async remove(
    @CurrentTenant() tenantId: string,
    @CurrentActor() by: Actor,
    @Param() { name }: NodeParams,
  ): Promise<void> {
    await this.nodes.remove(tenantId, by, name);
  }
}
