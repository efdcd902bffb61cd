export { phoneForm, type IdentityPair } from './canonical-facts.js';
export { IdentitiesModule } from './identities.module.js';
export { IdentityLearner, type ResolvedFacts } from './identity-learner.js';
export { IdentityRepository } from './identity-repository.js';
export { PersonReference } from './person-reference.js';
