/** What PostgreSQL's sessions listen on for changes of what checks answer. Migrations name it too: it never changes. */
export const CHANGE_CHANNEL = 'synckit_ota_changes';
