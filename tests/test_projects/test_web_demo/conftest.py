"""The page, served by its own command, and a browser to look at it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

PROJECT = Path(__file__).resolve().parents[3] / 'projects/web_demo'
sys.path.insert(0, str(PROJECT))
START_S = 180


def free_port():
    """A port that nobody listens on."""
    import socket

    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


@pytest.fixture(scope='session')
def page_url():
    """Address of the page, with tiny networks and random weights."""
    port = free_port()
    url = f'http://127.0.0.1:{port}/'
    command = [sys.executable, str(PROJECT / 'app.py')]
    command += ['--model', 'sapiens-tiny', '--random-weights']
    command += ['--device', 'cpu', '--people', 'image', '--port', str(port)]
    with tempfile.TemporaryFile('w+') as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            end = time.monotonic() + START_S
            while True:
                try:
                    with urlopen(url, timeout=5):
                        break
                except (URLError, OSError):
                    if server.poll() is not None or time.monotonic() > end:
                        log.seek(0)
                        pytest.fail(f'no page at {url}: {log.read()}')
                    time.sleep(0.3)
            yield url
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture
def browser(tmp_path):
    """Headless Chromium; skips where there is none."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    driver_path = shutil.which('chromedriver')
    if not chromium or not driver_path:
        pytest.skip('needs chromium and chromedriver (chromium-driver)')
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--window-size=1500,1400',
        f'--user-data-dir={tmp_path / "profile"}',
    ):
        options.add_argument(flag)
    options.add_experimental_option(
        'prefs', {'download.default_directory': str(tmp_path / 'downloads')}
    )
    driver = webdriver.Chrome(options, Service(driver_path))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def screenshot(browser):
    """Keep an image of the page where MMSAPIENS_SCREENSHOTS says."""

    def keep(name):
        folder = os.environ.get('MMSAPIENS_SCREENSHOTS')
        if folder:
            assert re.fullmatch(r'[\w-]+', name)
            Path(folder).mkdir(parents=True, exist_ok=True)
            browser.save_screenshot(str(Path(folder) / f'{name}.png'))

    return keep
