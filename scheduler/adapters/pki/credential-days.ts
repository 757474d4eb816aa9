// How long a node's credentials are good, its certificate and its JWT alike.

/** A school's node may be off for a summer; agents ask for new ones when a third is left. */
export const credentialDays = 730;
