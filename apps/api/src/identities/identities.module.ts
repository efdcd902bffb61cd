import { Module } from '@nestjs/common';
import { IdentityLearner } from './identity-learner.js';
import { IdentityRepository } from './identity-repository.js';
import { PersonReference } from './person-reference.js';

@Module({
  providers: [IdentityLearner, IdentityRepository, PersonReference],
  exports: [IdentityLearner, IdentityRepository, PersonReference],
})
export class IdentitiesModule {}
