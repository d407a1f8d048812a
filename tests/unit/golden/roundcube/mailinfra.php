<?php
// Included last, so these win over what the image's environment says.
// https://github.com/roundcube/roundcubemail/blob/master/config/defaults.inc.php

// The environment cannot ask for TLS. No secret is in this file: all come from files that only this container has.
$mailinfra_dsn = fn (string $user, string $database): string => 'mysql://'
    . file_get_contents("/run/secrets/{$user}_user") . ':' . file_get_contents("/run/secrets/{$user}_password")
    . "@mysql:3306/$database"
    . '?ca=/etc/mailinfra/database-ca.pem&verify_server_cert=true';
$config['db_dsnw'] = $mailinfra_dsn('roundcube_db', 'roundcube');

// Implicit TLS alone (ssl://): with STARTTLS Roundcube goes on in clear text where a server does not offer it.
// The peers are asked for by their containers' names, and then show what the stack's own CA signed, whatever they show outside.
$mailinfra_tls = fn (string $name): array => ['ssl' => [
    'verify_peer' => true,
    'verify_peer_name' => true,
    'peer_name' => $name,
    'cafile' => '/etc/mailinfra/mail-ca.pem',
]];
$config['imap_conn_options'] = $mailinfra_tls('dovecot');
$config['smtp_conn_options'] = $mailinfra_tls('postfix');
$config['smtp_timeout'] = 20; // with connection options, none would be zero seconds
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['smtp_helo_host'] = 'mail.example.test';

// Browsers come over HTTPS alone: cookies are Secure, always. Roundcube sets HttpOnly by itself.
$config['use_https'] = true;
$config['session_samesite'] = 'Lax';
$config['session_lifetime'] = 30; // minutes
$config['ip_check'] = false; // mobile clients change addresses
$config['cipher_method'] = 'AES-256-GCM'; // of the passwords in sessions; its key has 32 characters; another one is noticed
$config['proxy_whitelist'] = []; // Apache has judged the proxy (tls.conf), and tells the visitor's own address

// One login form for one server: whole addresses, no host to choose. Roundcube's own limit is off: it counts for each account,
// so that a stranger locks its owner out, and its words tell that the account exists. Dovecot bounds guesses for each visitor.
$config['login_username_filter'] = 'email';
$config['login_rate_limit'] = 0;
$config['enable_installer'] = false;
$config['product_name'] = 'mail.example.test';
$config['support_url'] = '';

// Users may rename their identities, and not invent a sender address; the submission service would refuse it. Which ones
// there are follows the declared accounts (plugins/mailinfra_identities).
$config['identities_level'] = 1;
$config['mailinfra_identities_dsn'] = $mailinfra_dsn('identities', 'mail');

// A message that is sent on as it is has its writer in From, which the submission service refuses. Forwarding is left.
$config['disabled_actions'] = ['mail.bounce'];

// Dovecot makes and subscribes these.
$config['create_default_folders'] = false;
$config['drafts_mbox'] = 'Drafts';
$config['junk_mbox'] = 'Junk';
$config['sent_mbox'] = 'Sent';
$config['trash_mbox'] = 'Trash';
$config['archive_mbox'] = 'Archive';

$config['max_message_size'] = 52428800; // bytes, as in the submission service
$config['enable_spellcheck'] = false; // the default one sends texts to somebody else's server

// Who is logged in may change the password, with an account of the database that can do nothing but ask for it, with a proof
// of the old one (plugins/mailinfra_passwords, which writes the statement). What the stack decides (policy `owned`) stays as
// it is, and the form says that it was not saved.
$config['password_driver'] = 'sql';
$config['password_db_dsn'] = $mailinfra_dsn('passwords', 'mail');
$config['password_idn_ascii'] = true; // domains are stored in their ASCII form
$config['password_confirm_current'] = true;
$config['password_minimum_length'] = 12;
$config['password_algorithm'] = 'hash-argon2id';
$config['password_algorithm_prefix'] = '{ARGON2ID}';
$config['password_algorithm_options'] = ['memory_cost' => 65536, 'time_cost' => 4, 'threads' => 1]; // no other is taken
