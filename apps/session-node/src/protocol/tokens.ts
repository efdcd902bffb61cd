/** Injection token of the node's logger. */
export const NODE_LOGGER = Symbol('NodeLogger');
/** Injection token of the {@link NodeProcess}'s health. */
export const NODE_HEALTH = Symbol('NodeHealth');
