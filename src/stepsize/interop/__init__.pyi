from stepsize.interop.config_check import Finding as Finding
from stepsize.interop.config_check import check as check
from stepsize.interop.deepspeed import from_deepspeed as from_deepspeed
from stepsize.interop.keras import to_keras as to_keras
