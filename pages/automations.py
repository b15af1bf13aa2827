import streamlit as st

st.title("automations")
