import { Module } from '@nestjs/common';
import { MediaModule } from '../media/index.js';
import { RetentionWorker } from './retention-worker.js';

/** Removes what is kept no longer, and objects that no file needs. */
@Module({ imports: [MediaModule], providers: [RetentionWorker], exports: [RetentionWorker] })
export class RetentionModule {}
