import { Module } from '@nestjs/common';
import { MessagesModule } from '../messages/index.js';
import { SessionsModule } from '../sessions/index.js';
import { OptOutRepository } from './opt-out-repository.js';
import { OptOutsController } from './opt-outs.controller.js';
import { OptOutsService } from './opt-outs.service.js';

/** People who do not want to be written to. */
@Module({
  imports: [MessagesModule, SessionsModule],
  controllers: [OptOutsController],
  providers: [OptOutRepository, OptOutsService],
})
export class OptOutsModule {}
