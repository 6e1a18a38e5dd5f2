"""The rows of the inspectors of manifests. A file is found by its name and judged by its shape; formats are those that ReadAs asks for."""

from __future__ import annotations

from mlsbom.inspectors import Row

_HERE = "mlsbom.inspectors.manifests"


def _row(name: str, names: str, *, formats: str = "", triggers: tuple[bytes, ...] = (), module: str = "") -> Row:
    """`names` and `formats`: words."""
    return Row(
        name=f"manifests.{name}",
        module=f"{_HERE}.{module or name}",
        formats=frozenset(formats.split()),
        names=tuple(names.split()),
        triggers=triggers,
    )


ROWS: tuple[Row, ...] = (
    _row(
        "requirements",
        "*requirements*.txt *requirements*.in *requirements*.pip *requirements*.lock requirements/*.txt requirements/*.in "
        "reqs/*.txt requirements constraints*.txt constraints*.in *-constraints.txt *_constraints.txt",
        formats="requirements constraints conda-list",
    ),
    _row("pyproject", "pyproject.toml"),
    _row("pylocks", "uv.lock poetry.lock pdm.lock pylock.toml pylock.*.toml"),
    _row("pipfile", "pipfile pipfile.lock"),
    _row("pixi", "pixi.toml pixi.lock"),
    _row(
        "conda",
        "environment*.yml environment*.yaml *environment.yml *environment.yaml *environment-*.yml conda*.yml conda*.yaml *conda.yml "
        "*conda.yaml env.yml env.yaml env_*.yml env-*.yml *_env.yml *_env.yaml *-env.yml meta.yaml recipe.yaml conda-meta/*.json",
        formats="conda-environment python-env",
    ),
    _row("setuptools", "setup.cfg setup.py"),
    _row("scripts", "*.sh *.bash makefile gnumakefile *.mk tox.ini noxfile.py justfile procfile", formats="shell"),
    _row(
        "inline",
        "*.py",
        formats="python",
        triggers=(
            b"# /// script",
            b"pip_install",
            b"pip install",
            b'"pip"',
            b"'pip'",
            b"huggingface-cli",
            b"hf download",
            b"subprocess",
            b"os.system",
            b"ServerParam",
            b"MCPServerStdio",
        ),
        module="scripts",
    ),
    _row("notebook", "*.ipynb", formats="notebook"),
    _row("dockerfile", "dockerfile containerfile dockerfile.* containerfile.* *.dockerfile *.containerfile", formats="dockerfile"),
    _row("modelfile", "modelfile modelfile.* *.modelfile"),
    _row(
        "deployment",
        "*.yml *.yaml devcontainer.json .devcontainer.json",
        triggers=(b"image", b"apiVersion", b"services", b"repository", b"postCreateCommand", b"features", b"accelerators", b"setup:"),
    ),
    _row(
        "workflows",
        ".github/workflows/*.yml .github/workflows/*.yaml action.yml action.yaml .gitlab-ci.yml .gitlab-ci.yaml "
        "azure-pipelines*.yml .circleci/config.yml bitbucket-pipelines.yml .travis.yml buildspec.yml cloudbuild.yaml .drone.yml "
        "cloudbuild.yml .readthedocs.yaml .readthedocs.yml",
    ),
    _row("npm", "package.json"),
    _row("npm-locks", "package-lock.json npm-shrinkwrap.json .package-lock.json", module="npm_locks"),
    _row("js-locks", "yarn.lock pnpm-lock.yaml bun.lock bun.lockb", module="js_locks"),
    _row("distinfo", "*.dist-info/metadata *.egg-info/pkg-info pkg-info *.egg-info *.egg-info/requires.txt *.dist-info/direct_url.json"),
    _row(
        "agents",
        ".mcp.json mcp.json mcp_config.json mcp_settings.json cline_mcp_settings.json claude_desktop_config.json .claude.json "
        ".claude/settings.json .claude/settings.local.json .vscode/settings.json .gemini/settings.json .codex/config.toml "
        ".zed/settings.json mcp.yaml mcp.yml opencode.json gemini-extension.json server.json plugin.json",
        triggers=(b"mcp", b"servers", b"Servers", b"command"),
    ),
    _row(
        "indexes",
        "pip.conf pip.ini .pypirc uv.toml .npmrc npmrc .yarnrc .yarnrc.yml bunfig.toml .condarc condarc .env .env.* *.env",
    ),
    _row("serving", "cog.yaml cog.yml bentofile.yaml bentofile.yml mlmodel mlproject packages.txt config.yaml"),
)
