"""EAS, the control plane: what a service is to be, who may ask for it, what is told about it.

What runs services and passes requests on to them is in ``serving``.
"""
