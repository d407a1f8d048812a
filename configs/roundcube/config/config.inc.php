<?php
// Roundcube reads this before the image's own (RCUBE_CONFIG_PATH): what the image makes of its environment lies where PHP may
// write, and a file there would be a program that stays.
$config = [];
$config['imap_host'] = 'ssl://{{ dovecot.host }}:{{ dovecot.ports.imaps }}';
$config['smtp_host'] = 'ssl://{{ postfix.host }}:{{ postfix.ports.submissions }}';
$config['des_key'] = file_get_contents('/run/secrets/roundcube_des_key');
$config['plugins'] = ['{{ plugins | join("', '") }}'];
$config['skin'] = 'elastic';
$config['temp_dir'] = '/tmp/roundcube-temp';
$config['log_driver'] = 'stdout';
$config['zipdownload_selection'] = true;
include '/var/roundcube/config/mailinfra.php';
