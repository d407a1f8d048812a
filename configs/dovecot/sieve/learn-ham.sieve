require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment"];
# Who throws away what is in Junk says nothing on it.
if not environment :is "imap.mailbox" ["Trash", "Junk"] {
  pipe :copy "learn" ["ham"];
}
