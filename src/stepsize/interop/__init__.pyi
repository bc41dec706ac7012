from stepsize.interop.deepspeed import from_deepspeed as from_deepspeed
from stepsize.interop.keras import to_keras as to_keras
from stepsize.interop.timm import from_timm as from_timm
