from stepsize.interop.config_check import Finding as Finding
from stepsize.interop.config_check import check as check
from stepsize.interop.deepspeed import from_deepspeed as from_deepspeed
from stepsize.interop.keras import to_keras as to_keras
from stepsize.interop.megatron import from_megatron as from_megatron
from stepsize.interop.timm import from_timm as from_timm
from stepsize.interop.torchtitan import from_torchtitan as from_torchtitan
from stepsize.interop.transformers import from_transformers as from_transformers
