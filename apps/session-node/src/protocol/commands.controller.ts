import { Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError } from '#kernel';
import { SignatureVerifier } from '#runtime';
import { CommandDispatcher } from './command-dispatcher.js';

/** The commands of the api: signed, or not listened to. */
@Controller('internal/commands')
export class CommandsController {
  constructor(
    @Inject(SignatureVerifier) private readonly verifier: SignatureVerifier,
    @Inject(CommandDispatcher) private readonly dispatcher: CommandDispatcher,
  ) {}

  @Post(':name')
  @HttpCode(200)
  async handle(@Param('name') name: string, @Req() request: FastifyRequest): Promise<unknown> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const signed = { method: 'POST', path: request.url, body };
    if (!this.verifier.verify(signed, request.headers)) {
      throw new AppError('unauthenticated', 'The request is not signed, or its signature is not valid', {
        outcome: 'not_sent',
      });
    }
    return this.dispatcher.dispatch(name, parseJson(body));
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new AppError('invalid_json', 'The body is not JSON', { cause: error, outcome: 'not_sent' });
  }
}
