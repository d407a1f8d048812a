<?php
// Proves to the database that who changes a password knows the old one: makes the stored hash again, of the old password and of
// what the database says that the hash was made with. MySQL compares (mailinfra/provider/password_changes.py), changes one row,
// and no other way to set a password is open to webmail.
class mailinfra_passwords extends rcube_plugin
{
    public $task = 'settings';

    public function init()
    {
        $this->add_hook('startup', [$this, 'prepare']);
    }

    // Puts the proof into the statement that the password plugin runs when the form is right.
    public function prepare($arguments)
    {
        if ($arguments['task'] === 'settings' && $arguments['action'] === 'plugin.password-save') {
            $rcmail = rcmail::get_instance();
            $old = rcube_utils::get_input_string('_curpasswd', rcube_utils::INPUT_POST, true);
            $stored = $this->stored($old, $this->challenge());
            // Without one nothing is asked: wrong proofs are counted.
            $rcmail->config->set('password_query', $stored === null
                ? 'SELECT 1 FROM DUAL WHERE FALSE'
                : "CALL change_password(%l, %d, '" . hash('sha256', $stored) . "', %P)");
        }

        return $arguments;
    }

    private function challenge()
    {
        $rcmail = rcmail::get_instance();
        $database = rcube_db::factory($rcmail->config->get('password_db_dsn'), '', false);
        $found = $database->query(
            'CALL password_challenge(?, ?)',
            $rcmail->user->get_username('local'),
            rcube_utils::idn_to_ascii($rcmail->user->get_username('domain'))
        );
        $row = $found ? $database->fetch_array($found) : null;

        return $row ? (string) $row[0] : '';
    }

    // Returns the hash as it is stored if that is the old password; null for a kind that PHP cannot make.
    private function stored($old, $challenge)
    {
        if (!preg_match('/^\{([A-Z0-9-]+)\}(.*)$/s', $challenge, $found)) {
            return null;
        }
        [, $scheme, $given] = $found;
        switch ($scheme) {
            case 'ARGON2ID':
            case 'ARGON2I':
                $hash = $this->argon2($old, $given, $scheme);
                break;
            case 'SHA512-CRYPT':
            case 'SHA256-CRYPT':
                $hash = crypt($old, $given . '$');
                break;
            case 'BLF-CRYPT':
                // The three names of one algorithm; PHP knows one of them for all.
                $hash = substr($given, 0, 3) . substr(crypt($old, '$2y' . substr($given, 3)), 3);
                break;
            case 'SSHA512':
            case 'SSHA256':
                $salt = base64_decode($given);
                $hash = base64_encode(hash(strtolower(substr($scheme, 1)), $old . $salt, true) . $salt);
                break;
            default:
                $hash = null;
        }

        return $hash === null ? null : '{' . $scheme . '}' . $hash;
    }

    // libsodium makes Argon2 hashes with one lane and a salt of 16 bytes, as all that is made here are.
    private function argon2($old, $given, $scheme)
    {
        $form = '/^\$argon2id?\$v=19\$m=(\d+),t=(\d+),p=1\$([A-Za-z0-9+\/]{22})$/';
        if (!preg_match($form, $given, $found)) {
            return null;
        }
        $algorithm = $scheme === 'ARGON2ID' ? SODIUM_CRYPTO_PWHASH_ALG_ARGON2ID13 : SODIUM_CRYPTO_PWHASH_ALG_ARGON2I13;
        try {
            $digest = sodium_crypto_pwhash(32, $old, base64_decode($found[3]), (int) $found[2], 1024 * (int) $found[1], $algorithm);
        } catch (SodiumException $exception) {
            return null;
        }

        return $given . '$' . rtrim(base64_encode($digest), '=');
    }
}
