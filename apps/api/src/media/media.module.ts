import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { MediaStore, S3MediaStore } from '#media-store';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { NodesModule } from '../nodes/index.js';
import { SessionsModule } from '../sessions/index.js';
import { MediaBucket } from './media-bucket.js';
import { MediaDownload } from './media-download.js';
import { MediaIntake } from './media-intake.js';
import { MediaJobRepository } from './media-job-repository.js';
import { MediaJobWorker } from './media-job-worker.js';
import { MediaRedownload } from './media-redownload.js';
import { MediaRepository } from './media-repository.js';
import { MediaController } from './media.controller.js';
import { MediaService } from './media.service.js';
import { registerMultipart } from './multipart-form.js';
import { PendingMedia } from './pending-media.js';
import { UploadBudget } from './upload-budget.js';

/** Files: uploads, downloads, and the jobs that bring them in from WhatsApp. */
@Module({
  imports: [NodesModule, SessionsModule],
  controllers: [MediaController],
  providers: [
    MediaService,
    MediaRepository,
    MediaIntake,
    MediaDownload,
    MediaJobRepository,
    MediaJobWorker,
    MediaRedownload,
    PendingMedia,
    UploadBudget,
    {
      provide: S3MediaStore,
      inject: [API_CONFIG],
      useFactory: (config: ApiConfig) =>
        new S3MediaStore({
          endpoint: config.S3_ENDPOINT,
          region: config.S3_REGION,
          bucket: config.S3_BUCKET,
          accessKey: config.S3_ACCESS_KEY,
          secretKey: config.S3_SECRET_KEY,
        }),
    },
    { provide: MediaStore, useExisting: S3MediaStore },
    MediaBucket,
  ],
  exports: [MediaRepository, MediaIntake, MediaDownload, MediaJobWorker, MediaRedownload, MediaStore],
})
export class MediaModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  async onModuleInit(): Promise<void> {
    await registerMultipart(this.host.httpAdapter.getInstance<FastifyInstance>());
  }
}
