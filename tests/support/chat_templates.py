# SPDX-License-Identifier: GPL-2.0
"""Chat templates of well-known model families, as in their files, and jinja2 to render them."""

from collections.abc import Sequence

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

SMOLLM2 = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Template of SmolLM2-135M-Instruct (Apache-2.0), word for word; the core must recognise it."""

CHATML = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

CHATML_ESCAPED_DEFAULT = """\
{%- if messages[0].role != 'system' %}
    {{- "<|im_start|>system\\nAnswer in one word.<|im_end|>\\n" }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""

ZEPHYR = """\
{% for message in messages %}
{% if message.role == 'user' %}
{{ '<|user|>\\n' + message.content + eos_token }}
{% elif message.role == 'system' %}
{{ '<|system|>\\n' + message.content + eos_token }}
{% elif message.role == 'assistant' %}
{{ '<|assistant|>\\n' + message.content + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}
"""

LLAMA2 = """\
{%- set system = messages[0].content if messages[0].role == 'system' else false -%}
{%- set turns = messages[1:] if system is string else messages -%}
{%- for message in turns -%}
  {%- if (message.role == 'user') != (loop.index0 % 2 == 0) -%}
    {{- raise_exception('roles must alternate') -}}
  {%- endif -%}
  {%- set content = message.content -%}
  {%- if loop.first and system is string -%}
    {%- set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + content -%}
  {%- endif -%}
  {%- if message.role == 'user' -%}
    {{- bos_token + '[INST] ' + content.strip() + ' [/INST]' -}}
  {%- else -%}
    {{- ' ' + content.strip() + ' ' + eos_token -}}
  {%- endif -%}
{%- endfor -%}
"""

LLAMA3 = """\
{%- for message in messages -%}
  {%- if loop.first -%}{{- bos_token -}}{%- endif -%}
  {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' -}}
  {{- message.content | trim + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
{%- endif -%}
"""

UNKNOWN = "{% for message in messages %}{{ message.role + ': ' + message.content }}{% endfor %}"


def render(
    source: str, messages: Sequence[tuple[str, str]], bos_token: str = "", eos_token: str = ""
) -> str:
    """Return the rendered text of (role, content) messages and the head of the next answer."""

    def raise_exception(text: str) -> None:
        raise jinja2.TemplateError(text)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(source)
    return template.render(
        messages=[{"role": role, "content": content} for role, content in messages],
        bos_token=bos_token,
        eos_token=eos_token,
        add_generation_prompt=True,
        raise_exception=raise_exception,
    )
