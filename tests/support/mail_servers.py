"""Debian's own mail servers, started on loopback with a throw-away configuration.

Postfix, Dovecot and Exim exclude each other as packages, and nothing may be installed on the machine that runs the tests.
So their packages are fetched once into a cache, unpacked, and laid over the host's /usr and /etc in a private mount
namespace; there they see themselves installed, with users of their own in a private passwd. Each server is the child of
a private process namespace: when its first process goes, and it goes with the test, everything in it goes.

    with Postfix(certificate, key, {"ada@example.com": "secret"}) as postfix:
        ... send to 127.0.0.1, postfix.submission_port ...
        (mail,) = postfix.inbox.wait(1)

A user without the rights for namespaces gets a clear RuntimeError.
"""
import contextlib
import fcntl
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time


# --- ports and patience -------------------------------------------------------------------------------------------------

_given_out = set()


def free_port():
    """A loopback port nobody listens on, below the range from which the kernel takes ports for outgoing connections."""
    generator = random.SystemRandom()
    while True:
        port = generator.randrange(15000, 32000)
        if port in _given_out:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_out.add(port)
        return port


def wait_until(condition, timeout=60.0, what="an event"):
    """Waits until condition() is true and returns what it returned; AssertionError names what did not happen."""
    end = time.monotonic() + timeout
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def wait_for_greeting(port, timeout=60.0, tls=False, alive=lambda: True):
    """Waits until an SMTP server on a loopback port says 220 (or, with tls, until it accepts)."""
    def greeted():
        if not alive():
            raise AssertionError(f"the server for port {port} ended while it was waited for")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                return tls or connection.recv(3) == b"220"
        except OSError:
            return False
    wait_until(greeted, timeout, f"a server on port {port}")


# --- packages -------------------------------------------------------------------------------------------------------------

def cache_folder():
    """Where packages are kept between runs: POSTRIDER_CACHE, or debs/ in the build folder."""
    if "POSTRIDER_CACHE" in os.environ:
        folder = pathlib.Path(os.environ["POSTRIDER_CACHE"])
    elif "POSTRIDER_TEST_BIN" in os.environ:
        folder = pathlib.Path(os.environ["POSTRIDER_TEST_BIN"]).parent / "debs"
    else:
        folder = pathlib.Path(tempfile.gettempdir()) / "postrider-debs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unpacked(name, packages):
    """The folder that holds these packages, and those of their dependencies that the host lacks, unpacked."""
    cache = cache_folder()
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tree = cache / name
        if (tree / ".complete").exists():
            return tree
        shutil.rmtree(tree, ignore_errors=True)
        debs = cache / f"{name}.debs"
        debs.mkdir(exist_ok=True)
        try:
            _download(packages, debs)
        except RuntimeError:  # no package lists, or lists too old
            _run(["apt-get", "update", "-q"])
            _download(packages, debs)
        tree.mkdir()
        for deb in sorted(debs.glob("*.deb")):
            _run(["dpkg", "-x", str(deb), str(tree)])
        shutil.rmtree(debs)
        (tree / ".complete").touch()
        return tree


def _download(packages, folder):
    plan = _run(["apt-get", "install", "--simulate", "--no-install-recommends", *packages])
    wanted = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    if wanted:
        _run(["apt-get", "download", "-o", "APT::Sandbox::User=root", *wanted], cwd=folder)


def _run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


# --- a private machine within the machine ---------------------------------------------------------------------------------

_USERS = [  # name, uid
    ("postfix", 61001), ("dovecot", 61002), ("dovenull", 61003), ("Debian-exim", 61004), ("vmail", 61005),
    ("opensmtpd", 61007), ("opensmtpq", 61008)]
_GROUPS = [("postdrop", 61006)]

OPENSMTPD = ("opensmtpd", ["opensmtpd"])  # a relay in the benchmarks only

_ENTER = r"""
set -eu
root="$WORK/root"
mkdir -p "$root"
mount -t tmpfs -o mode=755 postrider-root "$root"
mkdir -p "$root"/{usr,etc,var,dev,proc,run,tmp,root} "$root"/.layers/{usr,etc,usr.work,etc.work} "$root$WORK"
chmod 1777 "$root/tmp"
for part in bin sbin lib; do
  ln -s "usr/$part" "$root/$part"
  if [ -d "$TREE/$part" ]; then mkdir -p "$root/.layers/usr/$part"; cp -a "$TREE/$part/." "$root/.layers/usr/$part/"; fi
done
ln -s usr/lib64 "$root/lib64"
for part in usr etc; do
  if [ -d "$TREE/$part" ]; then cp -a "$TREE/$part/." "$root/.layers/$part/"; fi
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$root/.layers/$part,workdir=$root/.layers/$part.work" "$root/$part"
done
if [ -d "$TREE/var" ]; then cp -a "$TREE/var/." "$root/var/"; fi
mkdir -p "$root"/var/{log,lib,spool,run,tmp}
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --bind "$WORK" "$root$WORK"
cp "$WORK"/etc/* "$root/etc/"
exec chroot "$root" /bin/bash "$WORK/start"
"""


class PrivateMachine:
    """A process in namespaces of its own, in a root of its own: the host's /usr and /etc with packages laid over them."""

    def __init__(self, name, packages):
        self.tree = unpacked(name, packages)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"postrider-{name}-"))
        self.work.chmod(0o755)
        (self.work / "etc").mkdir()
        self._process = None
        with open("/etc/passwd") as file:
            passwd = file.read()
        with open("/etc/group") as file:
            group = file.read()
        for user, number in _USERS:
            if not re.search(rf"^{user}:", passwd, re.MULTILINE):
                passwd += f"{user}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            if not re.search(rf"^{user}:", group, re.MULTILINE):
                group += f"{user}:x:{number}:\n"
        for name_, number in _GROUPS:
            if not re.search(rf"^{name_}:", group, re.MULTILINE):
                group += f"{name_}:x:{number}:\n"
        self.write("etc/passwd", passwd)
        self.write("etc/group", group)
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.write("etc/mailname", "localhost\n")

    def write(self, path, text, mode=0o644):
        target = self.work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def start(self, script):
        """Starts the machine; script (bash) runs as root within it and must stay in the foreground.

        Its first process must stay root (no exec of a server that changes its user): the kernel forgets with the old user
        that this process was to be killed together with its parent.
        """
        if os.geteuid() != 0:
            raise RuntimeError("real mail servers need root (a mount namespace and users of their own): run as root")
        self.write("start", "set -eu\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C\n" + script, 0o755)
        self._output = open(self.work / "output.log", "wb")
        # setpriv: the machine ends with this process; --kill-child: and its processes end with it.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL",
             "--propagation", "private", "/bin/bash", "-c", _ENTER],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "WORK": str(self.work), "TREE": str(self.tree)})

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def stop(self):
        """Ends every process of the machine, and removes what it wrote."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            self._output.close()
        # Its mounts go with its last process, a moment after the first one is reaped.
        for _ in range(100):
            shutil.rmtree(self.work, ignore_errors=True)
            if not self.work.exists():
                return
            time.sleep(0.05)

    def log(self):
        """Everything it printed and logged, for a failed test's message."""
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')}" for file in sorted(self.work.glob("*.log")))


class Maildir:
    """A folder in which a server leaves each mail as a file; bytes as they lie there (LF ends lines)."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def mails(self):
        files = [file for file in (self.path / "new").glob("*")] if (self.path / "new").exists() else []
        return [file.read_bytes() for file in sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))]

    def wait(self, count, timeout=60.0):
        """The mails, as soon as there are at least count of them."""
        def enough():
            found = self.mails()
            return found if len(found) >= count else None
        return wait_until(enough, timeout, f"{count} mails in {self.path} ({len(self.mails())} so far)")

    def clear(self):
        for file in (self.path / "new").glob("*"):
            file.unlink()


def without_headers_on_top(data, names):
    """The rest of a mail after the headers a server put on top of it: each must be one of names (lower case bytes).

    Strips exactly the leading run of such fields with their continuation lines, each name at most once, and nothing else.
    """
    seen = set()
    newline = b"\r\n" if b"\r\n" in data[:2000] else b"\n"
    while True:
        line, _, rest = data.partition(newline)
        name = line.partition(b":")[0].lower()
        if name not in names or name in seen:
            return data
        seen.add(name)
        while rest[:1] in (b" ", b"\t"):
            _, _, rest = rest.partition(newline)
        data = rest


def crlf(data):
    """Stored with LF, sent with CRLF."""
    assert b"\r" not in data, "a store with LF line ends holds a CR"
    return data.replace(b"\n", b"\r\n")


# --- Postfix with Dovecot's SASL ------------------------------------------------------------------------------------------

# What master.cf has beside its SMTP servers, as shipped.
POSTFIX_SERVICES = """\
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Postfix: a plain port, a submission port (STARTTLS required, then AUTH), a TLS port (AUTH); all into one Maildir.

    accounts: {name: password}; a sender address equal to an account's name belongs to that account alone.
    """

    PACKAGES = ("postfix", ["postfix", "dovecot-core"])

    def __init__(self, certificate, key, accounts, hostname="mail.postfix.test", message_size_limit=50_000_000):
        self.plain_port, self.submission_port, self.tls_port = free_port(), free_port(), free_port()
        self._machine = PrivateMachine(*self.PACKAGES)
        machine, work = self._machine, self._machine.work
        self.inbox = Maildir(work / "mail" / "inbox")
        (work / "mail").mkdir()
        os.chown(work / "mail", 61005, 61005)
        machine.write("tls/certificate.pem", pathlib.Path(certificate).read_text())
        machine.write("tls/key.pem", pathlib.Path(key).read_text(), 0o600)
        machine.write("users", "".join(f"{name}:{{PLAIN}}{password}::::::\n" for name, password in accounts.items()))
        owners = ", ".join(f"{{ {name} = {name} }}" for name in accounts)
        machine.write("postfix/main.cf", f"""
compatibility_level = 3.6
myhostname = {hostname}
mydomain = {hostname}
myorigin = {hostname}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
maillog_file = {work}/postfix.log
maillog_file_prefixes = {work}
alias_maps =
alias_database =
local_recipient_maps =
message_size_limit = {message_size_limit}
local_header_rewrite_clients =
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.org, example.net
virtual_mailbox_base = {work}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 1
virtual_uid_maps = static:61005
virtual_gid_maps = static:61005
smtpd_peername_lookup = no
smtpd_tls_cert_file = {work}/tls/certificate.pem
smtpd_tls_key_file = {work}/tls/key.pem
smtpd_tls_session_cache_database =
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_authenticated_header = yes
smtpd_sender_login_maps = inline:{{ {owners} }}
anvil_rate_time_unit = 1s
smtpd_client_connection_count_limit = 0
""")
        authenticated = """
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_sender_restrictions=reject_sender_login_mismatch
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""
        machine.write("postfix/master.cf", f"""
127.0.0.1:{self.plain_port} inet n - n - - smtpd
  -o smtpd_delay_reject=no
  -o {{ smtpd_sender_restrictions = check_sender_access inline:{{ refused@example.com=REJECT }} }}
  -o {{ smtpd_recipient_restrictions = check_recipient_access inline:{{ refused@example.org=REJECT }} }}
127.0.0.1:{self.submission_port} inet n - n - - smtpd
  -o syslog_name=submission -o smtpd_tls_security_level=encrypt{authenticated}
127.0.0.1:{self.tls_port} inet n - n - - smtpd
  -o syslog_name=smtps -o smtpd_tls_wrappermode=yes{authenticated}
{POSTFIX_SERVICES}""")
        machine.write("dovecot.conf", f"""
protocols =
base_dir = /run/dovecot
log_path = {work}/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
auth_mechanisms = plain login cram-md5 scram-sha-256
disable_plaintext_auth = no
ssl = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {work}/users
}}
userdb {{
  driver = static
  args = uid=61005 gid=61005 home=/nonexistent
}}
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0666
  }}
}}
# Wrong passwords are tested on purpose: no growing penalty for them.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""")
        machine.start(f"""
mkdir -p /etc/postfix /var/spool/postfix/private /var/lib/postfix
chown postfix /var/spool/postfix/private /var/lib/postfix
cp {work}/postfix/* /etc/postfix/
touch /etc/postfix/dynamicmaps.cf
dovecot -c {work}/dovecot.conf
postfix start
exec sleep infinity
""")
        try:
            for port, tls in ((self.plain_port, False), (self.submission_port, False), (self.tls_port, True)):
                wait_for_greeting(port, tls=tls, alive=machine.alive)
        except BaseException as failure:
            log = machine.log()
            machine.stop()
            raise RuntimeError(f"Postfix did not start: {failure}\n{log}") from failure

    def log(self):
        return self._machine.log()

    def authentications(self):
        """(mechanism, account) of each session that authenticated and sent a mail, in order."""
        return re.findall(r"sasl_method=([^,\s]+), sasl_username=(\S+)", self.log())

    @staticmethod
    def sent_content(stored):
        """What the client sent, from a file in the Maildir."""
        return crlf(without_headers_on_top(stored, (b"return-path", b"x-original-to", b"delivered-to", b"received")))

    def stop(self):
        self._machine.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# --- Exim -----------------------------------------------------------------------------------------------------------------

class Exim:
    """Exim: a plain port, a submission port (STARTTLS, then AUTH), a TLS port (AUTH); all into one Maildir."""

    PACKAGES = ("exim", ["exim4-daemon-light"])

    def __init__(self, certificate, key, accounts, hostname="mail.exim.test"):
        self.plain_port, self.submission_port, self.tls_port = free_port(), free_port(), free_port()
        self._machine = PrivateMachine(*self.PACKAGES)
        machine, work = self._machine, self._machine.work
        self.inbox = Maildir(work / "mail" / "inbox")
        (work / "mail").mkdir()
        os.chown(work / "mail", 61005, 61005)
        machine.write("tls/certificate.pem", pathlib.Path(certificate).read_text())
        machine.write("tls/key.pem", pathlib.Path(key).read_text(), 0o644)
        machine.write("users", "".join(f"{name}: {password}\n" for name, password in accounts.items()))
        lookup = f"${{lookup{{%s}}lsearch{{{work}/users}}{{$value}}fail}}"
        check = ("${if and{{!eq{%s}{}}{eq{%s}{${lookup{%s}lsearch{" + str(work) + "/users}{$value}{\\n}}}}}{yes}{no}}")
        machine.write("exim.conf", f"""
primary_hostname = {hostname}
spool_directory = /var/spool/exim4
log_file_path = {work}/log/exim.%s.log
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.plain_port} : {self.submission_port} : {self.tls_port}
tls_on_connect_ports = {self.tls_port}
tls_advertise_hosts = *
tls_certificate = {work}/tls/certificate.pem
tls_privatekey = {work}/tls/key.pem
host_lookup =
rfc1413_hosts =
rfc1413_query_timeout = 0s
acl_smtp_mail = check_sender
acl_smtp_rcpt = check_recipient
acl_smtp_data = accept_all
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
log_selector = +received_recipients +smtp_connection
never_users =
keep_environment =
add_environment = PATH=/usr/sbin:/usr/bin

begin acl
check_sender:
  deny senders = refused@example.com
  accept
check_recipient:
  deny local_parts = refused
  accept condition = ${{if eq{{$received_port}}{{{self.plain_port}}}}}
  accept authenticated = *
  deny message = relay not permitted
accept_all:
  accept

begin routers
everything:
  driver = accept
  transport = keep

begin transports
keep:
  driver = appendfile
  directory = {work}/mail/inbox
  maildir_format
  create_directory
  user = vmail
  group = vmail
  message_prefix =
  message_suffix =

begin authenticators
cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = {lookup % "$auth1"}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = {check % ("$auth2", "$auth3", "$auth2")}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = {check % ("$auth1", "$auth2", "$auth1")}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
""")
        machine.start(f"""
mkdir -p /var/spool/exim4 {work}/log
chown Debian-exim:Debian-exim /var/spool/exim4 {work}/log
mkdir -p /etc/exim4
cp {work}/exim.conf /etc/exim4/exim4.conf
exim4 -bdf -q30m &
wait
""")
        try:
            for port, tls in ((self.plain_port, False), (self.submission_port, False), (self.tls_port, True)):
                wait_for_greeting(port, tls=tls, alive=machine.alive)
        except BaseException as failure:
            log = self.log()
            machine.stop()
            raise RuntimeError(f"Exim did not start: {failure}\n{log}") from failure

    def log(self):
        logs = sorted((self._machine.work / "log").glob("*")) if (self._machine.work / "log").exists() else []
        return self._machine.log() + "".join(f"\n--- {log.name}\n{log.read_text(errors='replace')}" for log in logs)

    def authentications(self):
        """(authenticator, account) of each mail that came over an authenticated session, in order."""
        return re.findall(r" A=(\w+):(\S+)", self.log())

    @staticmethod
    def sent_content(stored):
        """What the client sent, from a file in the Maildir."""
        return crlf(without_headers_on_top(stored, (b"received",)))

    def stop(self):
        self._machine.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# --- aiosmtpd -------------------------------------------------------------------------------------------------------------

class Aiosmtpd:
    """python3-aiosmtpd in this process; security "none", "starttls" (required) or "tls"; AUTH PLAIN and LOGIN with TLS."""

    def __init__(self, certificate, key, accounts, security="starttls"):
        import logging
        import ssl
        import warnings
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

        # It warns of what is done here on purpose: refused handshakes, AUTH where the TLS is not its own.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)
        warnings.filterwarnings("ignore", module="aiosmtpd")
        self.port = free_port()
        self.mails = []          # (sender, recipients, content, account)
        self.attempts = []       # (mechanism, account, accepted)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def authenticate(_server, _session, _envelope, mechanism, data):
            accepted = (isinstance(data, LoginPassword)
                        and accounts.get(data.login.decode()) == data.password.decode())
            self.attempts.append((mechanism, data.login.decode(), accepted))
            return AuthResult(success=accepted, auth_data=data.login.decode() if accepted else None, handled=False)

        recorded = self.mails

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                recorded.append((envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.original_content),
                                 session.auth_data))
                return "250 2.0.0 kept"

        class Server(Controller):
            def factory(self):
                return SMTP(Handler(), hostname="mail.aiosmtpd.test", enable_SMTPUTF8=True,
                            authenticator=authenticate, auth_required=security != "none",
                            # SMTP knows TLS only from STARTTLS; under implicit TLS it must be told not to miss it.
                            auth_require_tls=security == "starttls", data_size_limit=50_000_000,
                            tls_context=context if security == "starttls" else None,
                            require_starttls=security == "starttls")

        self._controller = Server(Handler(), hostname="127.0.0.1", port=self.port, ready_timeout=30,
                                  ssl_context=context if security == "tls" else None)
        self._controller.start()

    def wait(self, count, timeout=60.0):
        wait_until(lambda: len(self.mails) >= count, timeout, f"{count} mails at aiosmtpd")
        return list(self.mails)

    def stop(self):
        self._controller.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# --- Postfix's load tools ---------------------------------------------------------------------------------------------------

def postfix_tool(name):
    """(command, environment) that runs smtp-source or smtp-sink from the unpacked package, outside any namespace."""
    tree = unpacked(*Postfix.PACKAGES)
    inside = tree / "usr" / "sbin" / name
    if not inside.exists():
        return [shutil.which(name) or name], dict(os.environ)
    libraries = [tree / "usr" / "lib" / "postfix", *tree.glob("usr/lib/*-linux-gnu"), *tree.glob("lib/*-linux-gnu")]
    return [str(inside)], {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
