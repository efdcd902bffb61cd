import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Logger } from 'pino';
import { SignatureVerifier } from '#runtime';
import { CommandDispatcher } from './protocol/command-dispatcher.js';
import { CommandsController } from './protocol/commands.controller.js';
import { HealthController, type NodeHealth } from './protocol/health.controller.js';
import { ProblemFilter } from './protocol/problem.filter.js';
import { NODE_HEALTH, NODE_LOGGER } from './protocol/tokens.js';

export interface SessionNodeParts {
  dispatcher: CommandDispatcher;
  verifier: SignatureVerifier;
  health: NodeHealth;
  log: Logger;
}

/** The HTTP face of a session-node. Its parts are made by {@link startSessionNode}, which also ends them. */
@Module({})
export class SessionNodeModule {
  static with(parts: SessionNodeParts): DynamicModule {
    return {
      module: SessionNodeModule,
      controllers: [CommandsController, HealthController],
      providers: [
        { provide: CommandDispatcher, useValue: parts.dispatcher },
        { provide: SignatureVerifier, useValue: parts.verifier },
        { provide: NODE_HEALTH, useValue: parts.health },
        { provide: NODE_LOGGER, useValue: parts.log },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
    };
  }
}
