<?php
// Roundcube reads this before the image's own (RCUBE_CONFIG_PATH): what the image makes of its environment lies where PHP may
// write, and a file there would be a program that stays.
$config = [];
$config['imap_host'] = 'ssl://dovecot:993';
$config['smtp_host'] = 'ssl://postfix:465';
$config['des_key'] = file_get_contents('/run/secrets/roundcube_des_key');
$config['plugins'] = ['archive', 'mailinfra_identities', 'mailinfra_passwords', 'mailinfra_visitor', 'markasjunk', 'password', 'zipdownload'];
$config['skin'] = 'elastic';
$config['temp_dir'] = '/tmp/roundcube-temp';
$config['log_driver'] = 'stdout';
$config['zipdownload_selection'] = true;
include '/var/roundcube/config/mailinfra.php';
