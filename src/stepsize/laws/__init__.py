"""Laws of loss curves: what a schedule will cost before it is run, and which one would cost less."""

from stepsize.laws.fit import Fit as Fit
from stepsize.laws.fit import Forecast as Forecast
from stepsize.laws.fitting import fit as fit
from stepsize.laws.law import Final as Final
from stepsize.laws.law import Law as Law
from stepsize.laws.momentum import MomentumLaw as MomentumLaw
from stepsize.laws.multi_power import MultiPowerLaw as MultiPowerLaw
from stepsize.laws.scores import Scores as Scores
from stepsize.laws.scores import scores as scores
