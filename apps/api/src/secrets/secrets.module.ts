import { Module } from '@nestjs/common';
import { SecretBox } from './secret-box.js';

/** Keeps secrets that have to be used again. */
@Module({ providers: [SecretBox], exports: [SecretBox] })
export class SecretsModule {}
