<?php
// Brings the database to this release's schema: an empty one is filled, an older one is migrated.
define('INSTALL_PATH', '/var/lib/roundcube/');
require_once '/usr/share/roundcube/program/include/clisetup.php';

$schema = '/usr/share/roundcube/SQL';
$database = rcmail_utils::db();
if (in_array($database->table_name('system'), $database->list_tables(), true)) {
    rcmail_utils::db_update($schema, 'roundcube', null, ['errors' => true]);
} else {
    rcmail_utils::db_init($schema);
}
