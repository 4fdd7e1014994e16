/** The channel of PostgreSQL's notifications that offers may have changed. Fixed, as a migration names it too. */
export const CHANGE_CHANNEL = 'synckit_ota_changes';
