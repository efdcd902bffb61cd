import { Controller, Delete, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import type { IdempotentAnswer } from '../idempotency/index.js';
import { Operation, type ApiReply, type ApiRequest, type Page } from '../http/index.js';
import { MEDIA_KINDS } from './media-kind.js';
import {
  MEDIA_EXAMPLE,
  MediaDto,
  MediaListQuery,
  MediaPageDto,
  MediaParams,
  type MediaResource,
} from './media.dto.js';
import { MediaService } from './media.service.js';

@ApiTags('Media')
@Controller('media')
export class MediaController {
  constructor(private readonly media: MediaService) {}

  @Post()
  @Scopes('media:manage')
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: {
      type: 'object',
      required: ['file'],
      properties: {
        kind: {
          type: 'string',
          enum: [...MEDIA_KINDS],
          description: 'What it will be sent as; decides the largest size',
        },
        file: { type: 'string', format: 'binary' },
      },
    },
  })
  @Operation({
    summary: 'Upload a file',
    description:
      'Streamed into the object store. The media type is found from the bytes; the declared one is a hint.',
    idempotent: 'by_key',
    answer: { status: 201, type: MediaDto, example: MEDIA_EXAMPLE, located: true },
    problems: [
      'invalid_multipart',
      'media_too_large',
      'unsupported_media_type',
      'idempotency_key_reused',
      'idempotency_in_progress',
    ],
  })
  async upload(
    @CurrentKey() auth: AuthContext,
    @Req() request: ApiRequest,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<IdempotentAnswer<MediaResource>> {
    const answer = await this.media.upload(auth, request);
    void reply.header('Location', `/api/v1/media/${answer.body.id}`);
    return answer;
  }

  @Get()
  @Scopes('messages:read')
  @Operation({
    summary: 'List files',
    description:
      'Uploads of the tenant and what came in through the sessions that the key may use; newest first.',
    idempotent: 'safe',
    answer: { status: 200, type: MediaPageDto, example: { data: [MEDIA_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: MediaListQuery): Promise<Page<MediaResource>> {
    return this.media.list(auth, query);
  }

  @Get(':id')
  @Scopes('messages:read')
  @Operation({
    summary: 'Show a file',
    description:
      'What is known of a file and whether its bytes are here (`state`). The bytes are at `/media/{id}/content`.',
    idempotent: 'safe',
    answer: { status: 200, type: MediaDto, example: MEDIA_EXAMPLE },
    problems: ['not_found'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { id }: MediaParams): Promise<MediaResource> {
    return this.media.get(auth, id);
  }

  @Get(':id/content')
  @Scopes('messages:read')
  @ApiHeader({ name: 'Range', required: false, description: 'One byte range; answered with 206' })
  @Operation({
    summary: 'Download a file',
    description: 'The `ETag` is the SHA-256 of the bytes.',
    idempotent: 'safe',
    answer: { status: 200, description: 'The bytes', contentType: 'application/octet-stream' },
    problems: ['not_found', 'media_not_stored', 'range_not_satisfiable'],
  })
  async content(
    @CurrentKey() auth: AuthContext,
    @Param() { id }: MediaParams,
    @Req() request: ApiRequest,
    @Res() reply: ApiReply,
  ): Promise<void> {
    await this.media.sendContent(auth, id, request, reply);
  }

  @Delete(':id')
  @Scopes('media:manage')
  @Operation({
    summary: 'Delete a file',
    description: 'Messages that were sent or received with it stay, without it.',
    idempotent: 'idempotent',
    answer: { status: 204 },
    problems: ['not_found', 'invalid_state'],
  })
  async remove(@CurrentKey() auth: AuthContext, @Param() { id }: MediaParams): Promise<void> {
    await this.media.remove(auth, id);
  }
}
