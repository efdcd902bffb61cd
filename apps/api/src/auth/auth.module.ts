import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthRepository } from './auth-repository.js';
import { Authenticator } from './authenticator.js';
import { KeyCache } from './key-cache.js';
import { KeyHasher } from './key-hasher.js';
import { KeyUseRecorder } from './key-use-recorder.js';
import { RequestGate } from './request-gate.js';
import { ScopeGuard } from './scope-guard.js';

/** Who asks, and whether they may. */
@Global()
@Module({
  providers: [
    AuthRepository,
    Authenticator,
    KeyCache,
    KeyHasher,
    KeyUseRecorder,
    RequestGate,
    { provide: APP_GUARD, useClass: ScopeGuard },
  ],
  exports: [KeyHasher, RequestGate],
})
export class AuthModule {}
