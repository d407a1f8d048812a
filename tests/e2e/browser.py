"""Webmail through a real browser.

Owns how a browser is started and where things are on Roundcube's pages. Does not own what is promised.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import ConsoleMessage, Error, Page, Request, sync_playwright

from tests.e2e import transcript
from tests.e2e.ground.zones import HOSTNAME

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {HOSTNAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SECONDS = 30
ATTEMPTS = 3

Result = TypeVar("Result")


def refusals(window: Page) -> list[str]:
    """Return a list that grows with what the browser says it refused, in frames and further windows too."""
    refused: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            refused.append(message.text)

    window.context.on("console", heard)
    return refused


def executable() -> Path:
    """Return the browser of this machine; fail with the remedy where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"no browser on PATH; install one of {', '.join(NAMES)} (Debian: apt-get install chromium)"
    return Path(found)


def visit(url: str, steps: Callable[[Page], Result]) -> Result:
    """Run `steps` in a fresh browser window that shows `url`; a failure leaves the page in the transcript.

    A browser gives up what it loads when an interface of the machine comes or goes, as containers' do; then
    the steps are run again.
    """
    for attempt in range(ATTEMPTS):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable(), args=QUIET)
            # The chain is checked by the TLS tests: a browser takes its CAs from elsewhere.
            window = browser.new_context(ignore_https_errors=True).new_page()
            window.set_default_timeout(SECONDS * 1000)
            lost: list[Request] = []
            window.on("requestfailed", lambda request: lost.append(request))  # noqa: B023 - of this window
            window.on("console", lambda message: transcript.say("browser", message.text))
            try:
                window.goto(url)
                return steps(window)
            except Error as error:
                transcript.say("browser", f"{window.url}\n{window.inner_text('body')}")
                reasons = [str(error), *(str(request.failure) for request in lost)]
                if not any("ERR_NETWORK_CHANGED" in reason for reason in reasons) or attempt == ATTEMPTS - 1:
                    raise
            finally:
                browser.close()
    raise AssertionError("the last attempt returns or raises")


def log_in(window: Page, user: str, password: str) -> None:
    """Log in at the form and wait for the inbox."""
    window.fill("input[name=_user]", user)
    window.fill("input[name=_pass]", password)
    window.click("#rcmloginsubmit")
    window.wait_for_selector("#messagelist", state="attached")


def open_message(window: Page, subject: str) -> str:
    """Open the message with that subject in the list; return the text of its page."""
    window.locator("#messagelist tr.message", has_text=subject).locator("td.subject a").first.dblclick()
    window.wait_for_selector("#messagebody")
    return window.inner_text("#messagebody")


def change_password(window: Page, url: str, old: str, new: str) -> None:
    """Change the password in the settings; return when webmail says that it is saved."""
    window.goto(f"{url.rstrip('/')}/?_task=settings&_action=plugin.password")
    for field, text in (("_curpasswd", old), ("_newpasswd", new), ("_confpasswd", new)):
        window.fill(f"input[name={field}]", text)
    window.locator("button.submit").click()
    window.wait_for_selector("#messagestack .alert-success, #messagestack .confirmation")


def prefer_html(window: Page, url: str) -> None:
    """Write letters in HTML from now on; return when webmail says that it is saved."""
    window.goto(f"{url.rstrip('/')}/?_task=settings&_action=edit-prefs&_section=compose&_framed=1")
    window.select_option("select[name=_htmleditor]", "1")
    window.locator("button.submit").click()
    window.wait_for_selector("#messagestack .alert-success, #messagestack .confirmation, .alert-success")


def send_html(window: Page, url: str, to: str, subject: str, text: str, attachment: Path) -> None:
    """Write a letter in the editor for HTML, with an attachment, and send it."""
    window.goto(f"{url.rstrip('/')}/?_task=mail&_action=compose")
    window.locator(".compose-headers .recipient-input input").first.fill(to)
    window.fill("#compose-subject", subject)
    window.frame_locator("#composebody_ifr").locator("body").fill(text)
    window.set_input_files("#uploadform input[type=file]", str(attachment))
    window.wait_for_selector(f"#attachment-list li:not(.uploading) :text('{attachment.name}')")
    window.locator("button.send, a.send").first.click()
    window.wait_for_url("**/?_task=mail**")
    window.wait_for_selector("#messagelist", state="attached")


def identities(window: Page, url: str) -> list[str]:
    """Return the senders that somebody may choose from when she writes, the preset one first."""
    window.wait_for_load_state(
        "networkidle"
    )  # two requests at once may lose what one has put into the session
    window.goto(f"{url.rstrip('/')}/?_task=mail&_action=compose")
    window.wait_for_selector("#_from", state="attached")
    shown = window.locator("#_from option").all_inner_texts()
    preset = window.locator("#_from option:checked").all_inner_texts()
    return [*preset, *(one for one in shown if one not in preset)]


def send(window: Page, url: str, to: str, subject: str, text: str, sender: str = "") -> None:
    """Write a message and send it, as a chosen sender; return when webmail says that it is sent."""
    window.goto(f"{url.rstrip('/')}/?_task=mail&_action=compose")
    if sender:
        window.select_option("#_from", label=sender)
    window.locator(".compose-headers .recipient-input input").first.fill(to)
    window.fill("#compose-subject", subject)
    window.fill("#composebody", text)
    window.locator("button.send, a.send").first.click()
    window.wait_for_url("**/?_task=mail**")
    window.wait_for_selector("#messagelist", state="attached")
