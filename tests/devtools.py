"""A browser to be driven by a test: Chromium without a window, asked over its DevTools protocol by two pipes. Standard
library only; nothing here knows what is tested."""

import base64
import json
import os
import select
import subprocess
import time

# What a page may cost a test; a page that needs longer is broken.
WITHIN = 20


class Browser:
    """One browser with one page."""

    def __init__(self, program, folder):
        to_browser, self.out = os.pipe()
        self.inn, from_browser = os.pipe()
        command = [
            program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}/chromium", "--no-first-run",
            "--disable-gpu", "--disable-lcd-text", "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars",
            "--force-color-profile=srgb", "--font-render-hinting=none", "--window-size=1280,800", "about:blank",
        ]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        # The protocol wants the pipes at 3 and 4.
        script = f'exec "$@" 9>&{from_browser} 3<&{to_browser} 4>&9 9>&-'
        with open(f"{folder}/chromium.log", "wb") as log:
            self.child = subprocess.Popen(
                ["/bin/bash", "-c", script, "chromium", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(to_browser, from_browser), env={**os.environ, "HOME": str(folder)})
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.buffer, self.events = 0, b"", []
        target = self.ask("Target.createTarget", session=None, url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", session=None, targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.ask(f"{domain}.enable")

    def close(self):
        self.child.terminate()
        try:
            self.child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        os.close(self.inn)
        os.close(self.out)

    def _read(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.inn], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.inn, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, session="", **parameters):
        """The result of a command; events that come meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session == "":
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + WITHIN
        while True:
            got = self._read(deadline)
            if got.get("id") == self.number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]
            self.events.append(got)

    def wait_for(self, method):
        deadline = time.monotonic() + WITHIN
        while True:
            for at, event in enumerate(self.events):
                if event.get("method") == method:
                    return self.events.pop(at)["params"]
            self.events.append(self._read(deadline))

    def open(self, address):
        """Goes there and waits until it is loaded; gives the status of the answer."""
        self.events = [event for event in self.events if event.get("method") != "Page.loadEventFired"]
        gone = self.ask("Page.navigate", url=address)
        if "errorText" in gone:
            raise RuntimeError(f"{address}: {gone['errorText']}")
        self.wait_for("Page.loadEventFired")

    def tell(self, expression):
        """What an expression of the page is."""
        got = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(f"{expression}: {got['exceptionDetails']}")
        return got["result"].get("value")

    def until(self, expression, what):
        deadline = time.monotonic() + WITHIN
        while not self.tell(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            time.sleep(0.1)

    def click(self, expression):
        """A click with the mouse in the middle of an element, which may lead elsewhere."""
        box = self.tell(f"(() => {{ const e = {expression}; e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
                        " return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def follow(self, expression):
        """A click that leads elsewhere."""
        self.events = [event for event in self.events if event.get("method") != "Page.loadEventFired"]
        self.click(expression)
        self.wait_for("Page.loadEventFired")

    def key(self, key, code):
        text = {"text": "\r"} if key == "Enter" else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def look(self, width, height, scheme="light", script=True):
        """The window, the colours, and whether scripts run."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)

    def picture(self, path, height_max):
        """The page from its top, as far as it goes or so high."""
        whole = self.tell("document.documentElement.scrollHeight")
        width = self.tell("document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": min(whole, height_max), "scale": 1}
        got = self.ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(got["data"]))

    def complaints(self):
        """What the browser complained about since the last call: errors, breaches of the policy, odd markup."""
        self.tell("0")
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(f"exception: {params['exceptionDetails']}")
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(f"console: {params['args']}")
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
            elif method == "Audits.issueAdded" and params["issue"]["code"] in ("ContentSecurityPolicyIssue", "MixedContentIssue"):
                found.append(f"issue: {params['issue']}")
        self.events = []
        return found

    def asked(self):
        """Addresses that the browser has asked for since the last call of `complaints`."""
        return [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
